//! An answer in the words of all dialects: pieces in the order in which they are said, and the whole they make.

use super::seal::Seal;
use std::borrow::Cow;

/// A piece of an answer. Readers give them out, writers take them; a document is all of them at once.
#[derive(Debug)]
pub(super) enum Piece<'p> {
    /// The answer begins. Given once, before all others.
    Begin(Begin<'p>),
    /// Text goes on.
    Text(Cow<'p, str>),
    /// Thinking goes on.
    Thought(Cow<'p, str>),
    /// Thinking ends, with its provider's proof.
    Seal(Seal<'p>),
    /// Thoughts that only their provider can read.
    SealedThought(Seal<'p>),
    /// A call begins.
    Call(CallHead<'p>),
    /// The arguments of the last call go on, as JSON text.
    Arguments(Cow<'p, str>),
    /// A refusal in the model's words goes on.
    Refusal(Cow<'p, str>),
    /// Numbers; what they name replaces the earlier.
    Usage(Usage),
    /// Why it ends.
    Stop(Stop<'p>),
}

/// How an answer begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Begin<'p> {
    /// The upstream's id.
    pub(super) id: Cow<'p, str>,
    /// The model that answers.
    pub(super) model: Cow<'p, str>,
    /// When, in seconds since 1970, where the upstream says so.
    pub(super) created_secs: Option<u64>,
}

/// How a call begins.
#[derive(Debug, Clone)]
pub(super) struct CallHead<'p> {
    /// The call's id.
    pub(super) id: Cow<'p, str>,
    /// The tool's name.
    pub(super) name: Cow<'p, str>,
    /// The provider's proof of the thoughts before it.
    pub(super) seal: Option<Seal<'p>>,
}

/// Why an answer ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop<'p> {
    /// It is done.
    Done,
    /// At one of the client's texts, where the upstream says so.
    Sequence(Option<Cow<'p, str>>),
    /// There is no room for more.
    Length,
    /// Tools are called.
    Calls,
    /// The provider withholds the rest.
    Withheld,
}

/// Tokens in disjoint classes, as far as they are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Input that is in no cache.
    pub(super) input: Option<u64>,
    /// Input read from the cache.
    pub(super) cache_read: Option<u64>,
    /// Input written to the cache.
    pub(super) cache_write: Option<u64>,
    /// Output, thinking included.
    pub(super) output: Option<u64>,
    /// The part of the output that is thinking.
    pub(super) thinking: Option<u64>,
}

/// A whole answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    /// How it began.
    pub(super) begin: Begin<'static>,
    /// What was said.
    pub(super) blocks: Vec<Block>,
    /// What it took.
    pub(super) usage: Usage,
    stop: Option<Stop<'static>>,
}

/// A part of a whole answer.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// Text.
    Text(String),
    /// Thinking.
    Thought {
        /// The thoughts.
        text: String,
        /// Their proof.
        seal: Option<Seal<'static>>,
    },
    /// Thoughts that only their provider can read.
    SealedThought(Seal<'static>),
    /// A call.
    Call {
        /// How it began.
        head: CallHead<'static>,
        /// JSON text; empty when there are no arguments.
        arguments: String,
    },
    /// A refusal in the model's words.
    Refusal(String),
}

impl Usage {
    /// Corrects these numbers by later ones.
    pub(super) fn correct_by(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.output = later.output.or(self.output);
        self.thinking = later.thinking.or(self.thinking);
    }

    /// All input, cached or not, as OpenAI counts it.
    pub(super) fn whole_input(&self) -> u64 {
        let classes = [self.input, self.cache_read, self.cache_write];
        classes.into_iter().flatten().fold(0, u64::saturating_add)
    }

    /// From numbers in which the whole input includes what is cached.
    pub(super) fn of_whole_input(whole: Option<u64>, cache_read: Option<u64>, cache_write: Option<u64>) -> Self {
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        let input = whole.map(|whole| whole.saturating_sub(cached));
        Self { input, cache_read, cache_write, output: None, thinking: None }
    }
}

impl Stop<'_> {
    /// Why an answer ends that said `stop`, or nothing. Some upstreams say that they are done where they call tools.
    pub(super) fn settled(stop: Option<Self>, has_calls: bool) -> Self {
        match stop {
            None | Some(Self::Done) if has_calls => Self::Calls,
            None => Self::Done,
            Some(stop) => stop,
        }
    }

    /// The same, without borrowing.
    pub(super) fn into_owned(self) -> Stop<'static> {
        match self {
            Self::Sequence(text) => Stop::Sequence(text.map(|text| Cow::Owned(text.into_owned()))),
            Self::Done => Stop::Done,
            Self::Length => Stop::Length,
            Self::Calls => Stop::Calls,
            Self::Withheld => Stop::Withheld,
        }
    }
}

impl Begin<'_> {
    /// The same, without borrowing.
    pub(super) fn into_owned(self) -> Begin<'static> {
        Begin {
            id: Cow::Owned(self.id.into_owned()),
            model: Cow::Owned(self.model.into_owned()),
            created_secs: self.created_secs,
        }
    }
}

impl CallHead<'_> {
    /// The same, without borrowing.
    pub(super) fn into_owned(self) -> CallHead<'static> {
        CallHead {
            id: Cow::Owned(self.id.into_owned()),
            name: Cow::Owned(self.name.into_owned()),
            seal: self.seal.map(Seal::into_owned),
        }
    }
}

impl Message {
    /// Whether `piece` begins a block, rather than going on with the last one or telling something else.
    pub(super) fn begins_block(&self, piece: &Piece<'_>) -> bool {
        let last = self.blocks.last();
        match piece {
            Piece::Text(text) => !text.is_empty() && !matches!(last, Some(Block::Text(_))),
            Piece::Refusal(text) => !text.is_empty() && !matches!(last, Some(Block::Refusal(_))),
            Piece::Thought(text) => !text.is_empty() && !matches!(last, Some(Block::Thought { seal: None, .. })),
            Piece::Seal(_) => !matches!(last, Some(Block::Thought { seal: None, .. })),
            Piece::SealedThought(_) | Piece::Call(_) => true,
            Piece::Begin(_) | Piece::Arguments(_) | Piece::Usage(_) | Piece::Stop(_) => false,
        }
    }

    /// Adds a piece. Arguments without a call belong to nothing and are left out.
    pub(super) fn add(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Begin(begin) => self.begin = begin.into_owned(),
            Piece::Text(text) => match self.blocks.last_mut() {
                Some(Block::Text(open)) => open.push_str(&text),
                _ if text.is_empty() => {}
                _ => self.blocks.push(Block::Text(text.into_owned())),
            },
            Piece::Thought(thought) => match self.blocks.last_mut() {
                Some(Block::Thought { text, seal: None }) => text.push_str(&thought),
                _ if thought.is_empty() => {}
                _ => self.blocks.push(Block::Thought { text: thought.into_owned(), seal: None }),
            },
            Piece::Seal(proof) => self.seal(proof.into_owned()),
            Piece::SealedThought(seal) => self.blocks.push(Block::SealedThought(seal.into_owned())),
            Piece::Call(head) => self.blocks.push(Block::Call { head: head.into_owned(), arguments: String::new() }),
            Piece::Arguments(more) => {
                if let Some(Block::Call { arguments, .. }) = self.blocks.last_mut() {
                    arguments.push_str(&more);
                }
            }
            Piece::Refusal(text) => match self.blocks.last_mut() {
                Some(Block::Refusal(open)) => open.push_str(&text),
                _ if text.is_empty() => {}
                _ => self.blocks.push(Block::Refusal(text.into_owned())),
            },
            Piece::Usage(later) => self.usage.correct_by(later),
            Piece::Stop(stop) => self.stop = Some(stop.into_owned()),
        }
    }

    fn seal(&mut self, proof: Seal<'static>) {
        match self.blocks.last_mut() {
            Some(Block::Thought { seal: open @ None, .. }) => *open = Some(proof),
            _ => self.blocks.push(Block::Thought { text: String::new(), seal: Some(proof) }),
        }
    }

    /// Why it ended.
    pub(super) fn stop(&self) -> Stop<'static> {
        Stop::settled(self.stop.clone(), self.blocks.iter().any(|block| matches!(block, Block::Call { .. })))
    }
}
