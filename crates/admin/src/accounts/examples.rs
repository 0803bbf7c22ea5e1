//! A document for each kind of account, as the OpenAPI document shows them. A test adds every one of them.

use serde_json::{Value, json};

/// One for each kind of account.
pub(super) fn new_accounts() -> Vec<Value> {
    vec![
        json!({"platform": "claude-console", "name": "team console", "api_key": "sk-ant-api03-EXAMPLE", "priority": 10}),
        json!({"platform": "claude", "name": "subscription", "proxy": "socks5h://relay:EXAMPLE@proxy.example:1080"}),
        json!({"platform": "ccr", "name": "router", "base_url": "http://router.example:3456", "api_key": "EXAMPLE"}),
        json!({"platform": "gemini", "name": "gemini key", "api_key": "AIzaEXAMPLE"}),
        json!({"platform": "gemini", "name": "code assist", "access": "oauth", "project_id": "team-project-123"}),
        json!({"platform": "openai", "name": "codex subscription"}),
        json!({"platform": "openai-responses", "name": "openai key", "api_key": "sk-proj-EXAMPLE"}),
        json!({"platform": "bedrock", "name": "bedrock", "region": "us-east-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}),
        json!({"platform": "bedrock", "name": "bedrock key", "access": "bearer_token", "region": "eu-central-1",
            "bearer_token": "ABSKEXAMPLE"}),
        json!({"platform": "bedrock", "name": "bedrock by role", "access": "environment", "region": "us-west-2"}),
        json!({"platform": "azure-openai", "name": "azure", "base_url": "https://team.openai.azure.com",
            "api_key": "EXAMPLE", "deployment": "gpt-5", "api_version": "2024-10-21"}),
        json!({"platform": "droid", "name": "factory keys", "api_keys": ["fk-EXAMPLE-1", "fk-EXAMPLE-2"]}),
        json!({"platform": "droid", "name": "factory", "access": "oauth"}),
    ]
}
