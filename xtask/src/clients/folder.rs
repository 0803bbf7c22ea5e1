//! A folder that is filled once per state of its manifests. It does not know what fills it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The file that says from which manifests a folder was filled; it is written last, so a broken-off installation has none.
const STAMP: &str = "installed-from";

/// Fills `folder` by `fill`, unless it was filled from the same `manifests` before. It is emptied first.
pub(crate) fn filled_from(
    manifests: &[PathBuf],
    folder: &Path,
    fill: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wanted = manifests.iter().map(|it| read(it)).collect::<Result<String, Failure>>()?;
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    empty(folder)?;
    fill()?;
    fs::write(&stamp, wanted).map_err(Failure::during(format!("writing {}", stamp.display())))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::during(format!("reading {}", path.display())))
}

fn empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::during(format!("removing {}", folder.display())))?;
    }
    fs::create_dir_all(folder).map_err(Failure::during(format!("creating {}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest and a folder to fill, in a place of their own.
    struct Place {
        _owner: tempfile::TempDir,
        manifest: PathBuf,
        folder: PathBuf,
    }

    fn place() -> Place {
        let owner = tempfile::tempdir().expect("a temporary folder");
        let (manifest, folder) = (owner.path().join("manifest"), owner.path().join("folder"));
        fs::write(&manifest, "sdk 1").expect("a file in it");
        Place { _owner: owner, manifest, folder }
    }

    fn fills(place: &Place) -> bool {
        let mut filled = false;
        let fill = || {
            filled = true;
            Ok(())
        };
        filled_from(std::slice::from_ref(&place.manifest), &place.folder, fill).expect("filling succeeds");
        filled
    }

    #[test]
    fn the_same_manifest_fills_a_folder_once() {
        let place = place();

        assert_eq!((fills(&place), fills(&place)), (true, false));
    }

    #[test]
    fn a_changed_manifest_fills_it_again() {
        let place = place();
        fills(&place);
        fs::write(&place.manifest, "sdk 2").expect("the manifest changes");

        assert!(fills(&place));
    }

    #[test]
    fn a_broken_off_installation_is_done_again() {
        let place = place();
        let broken =
            filled_from(std::slice::from_ref(&place.manifest), &place.folder, || Err(Failure::new("no network")));
        broken.expect_err("filling failed");

        assert!(fills(&place));
    }
}
