//! Where a command works: the control plane before it, the terminal beside it.

use crate::cli::{
    CommandError, Verdict,
    api::{Answer, Api},
    console::{Console, Form, print, print_document},
    place::Place,
    refused::Refused,
    sheet::sheet,
    way::Way,
};
use tokio::runtime::{Builder, Runtime};

/// Threads of a command: one that asks, one for what runs beside it.
const THREADS: usize = 2;

/// What a command works with.
pub(crate) struct Desk {
    pub(crate) api: Api,
    pub(crate) console: Console,
}

/// Does `work` at the installation that `place` names.
pub(crate) fn at(
    place: &Place,
    work: impl AsyncFnOnce(&Desk) -> Result<Verdict, CommandError>,
) -> Result<Verdict, CommandError> {
    let loaded = place.settings()?;
    let console = Console::in_front(place.form());
    runtime()?.block_on(Box::pin(async {
        let desk = Desk { api: Api(Way::find(&loaded).await?), console };
        let done = work(&desk).await;
        desk.api.0.close().await;
        done.or_else(|error| refuse(&console, error))
    }))
}

/// The runtime of a command.
pub(crate) fn runtime() -> Result<Runtime, CommandError> {
    Ok(Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?)
}

/// A refusal is a document, too: whoever wants documents gets it.
fn refuse(console: &Console, error: CommandError) -> Result<Verdict, CommandError> {
    if let (Form::Json, Some(refused)) = (console.form, error.downcast_ref::<Refused>()) {
        print_document(&refused.text)?;
    }
    Err(error)
}

impl Desk {
    /// Shows one document.
    pub(crate) fn show(&self, answer: &Answer) -> Result<(), CommandError> {
        match self.console.form {
            Form::Json => print_document(&answer.text),
            Form::People => print(&sheet(&answer.document, &self.console)),
        }
    }

    /// Shows what was made; a secret that is never shown again stands first.
    pub(crate) fn show_made(&self, answer: &Answer, secret: &str) -> Result<(), CommandError> {
        if let (Form::People, Some(text)) = (self.console.form, answer.document[secret].as_str()) {
            print(&format!("{text}\n(shown this once: keep it now)\n\n"))?;
            let mut rest = answer.document.clone();
            if let Some(members) = rest.as_object_mut() {
                members.remove(secret);
            }
            return print(&sheet(&rest, &self.console));
        }
        self.show(answer)
    }

    /// Says in a line what was done, to people.
    pub(crate) fn say(&self, line: &str) -> Result<(), CommandError> {
        match self.console.form {
            Form::Json => Ok(()),
            Form::People => print(&format!("{line}\n")),
        }
    }
}
