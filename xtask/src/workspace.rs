//! What cargo knows about this workspace: its folders, its packages and the arrows between them. Nothing is built here.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;
use crate::program;

/// The workspace, as `cargo metadata` describes it.
pub(crate) struct Workspace {
    /// The folder of the top `Cargo.toml`, absolute.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds, absolute.
    pub(crate) target: PathBuf,
    /// The packages of this workspace, in cargo's order.
    pub(crate) packages: Vec<Package>,
}

/// One package of this workspace.
pub(crate) struct Package {
    /// Its name, which is also the name of its folder.
    pub(crate) name: String,
    /// What its manifest names, each kind of use apart.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependency tables.
pub(crate) struct Dependency {
    /// The package that is named.
    pub(crate) name: String,
    /// Whether the product or only its tests see it.
    pub(crate) purpose: Purpose,
    /// Whose package it is.
    pub(crate) origin: Origin,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Part of the product, or of building it.
    Product,
    /// Seen by tests only.
    Tests,
}

/// Whose package a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A package of this workspace.
    Ours,
    /// Somebody else's.
    Foreign,
}

impl Workspace {
    /// Asks cargo. Fails when a manifest does not parse.
    pub(crate) fn load() -> Result<Self, Failure> {
        let text = program::read(&mut program::cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
        Self::parse(&text).ok_or_else(|| Failure::new("`cargo metadata` answered in a shape that xtask does not know"))
    }

    /// Where the executable of a profile stands; cargo names the folder of `dev` otherwise, which nobody asks for here.
    pub(crate) fn executable(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    fn parse(text: &str) -> Option<Self> {
        let metadata: Value = serde_json::from_str(text).ok()?;
        let packages = metadata["packages"].as_array()?;
        Some(Self {
            root: Path::new(metadata["workspace_root"].as_str()?).to_owned(),
            target: Path::new(metadata["target_directory"].as_str()?).to_owned(),
            packages: packages.iter().map(Package::parse).collect::<Option<_>>()?,
        })
    }
}

impl Package {
    fn parse(package: &Value) -> Option<Self> {
        let dependencies = package["dependencies"].as_array()?;
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            dependencies: dependencies.iter().map(Dependency::parse).collect::<Option<_>>()?,
        })
    }
}

impl Dependency {
    fn parse(dependency: &Value) -> Option<Self> {
        Some(Self {
            name: dependency["name"].as_str()?.to_owned(),
            purpose: if dependency["kind"] == "dev" { Purpose::Tests } else { Purpose::Product },
            origin: if dependency["path"].is_string() { Origin::Ours } else { Origin::Foreign },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"workspace_root": "/src", "target_directory": "/out", "packages": [
        {"name": "store", "dependencies": [
            {"name": "domain", "kind": null, "path": "/src/crates/domain"},
            {"name": "proptest", "kind": "dev"}]}]}"#;

    #[test]
    fn a_path_dependency_is_ours_and_part_of_the_product() {
        let workspace = Workspace::parse(METADATA).expect("the shape of cargo metadata");
        let domain = &workspace.packages[0].dependencies[0];

        assert_eq!((domain.name.as_str(), domain.purpose, domain.origin), ("domain", Purpose::Product, Origin::Ours));
    }

    #[test]
    fn a_dev_dependency_is_for_tests() {
        let workspace = Workspace::parse(METADATA).expect("the shape of cargo metadata");
        let proptest = &workspace.packages[0].dependencies[1];

        assert_eq!((proptest.purpose, proptest.origin), (Purpose::Tests, Origin::Foreign));
    }

    #[test]
    fn another_shape_is_refused() {
        assert!(Workspace::parse(r#"{"packages": []}"#).is_none());
    }
}
