//! The control plane: HTTP API with OpenAPI, sign-in.
