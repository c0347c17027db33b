//! Answers of the store, and reasons why there are none.

/// Answer of the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// There is no value.
    Nothing,
    /// A whole number.
    Number(i64),
    /// A text, or bytes.
    Bytes(Vec<u8>),
    /// Several answers.
    List(Vec<Reply>),
    /// The command was refused, for this reason.
    Refused(String),
}

/// Reason why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no connection, or it broke. A change may have been made or not.
    #[error("the store does not answer: {0}")]
    Away(String),
    /// The store has refused, and changed nothing.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// The change is made, but too few copies have confirmed it, so that it may yet be lost.
    #[error("the change is made, but only {confirmed} of {wanted} other copies of the store have confirmed it")]
    Unconfirmed {
        /// Number of copies beside the master that have it.
        confirmed: i64,
        /// Number of copies that are needed.
        wanted: u32,
    },
    /// An entry of the store refers to something that is not there any more, because the store has gone on.
    #[error("the store has gone on, and dropped {0}")]
    Gone(String),
    /// The store holds what this program does not understand.
    #[error("the store holds what this version does not understand: {0}")]
    Unknown(String),
    /// An answer takes more memory than it may, and was not read to its end.
    #[error("an answer of the store takes more than {0} bytes")]
    TooLong(usize),
    /// This server cannot follow the store any more.
    #[error("{0}")]
    Stopped(String),
}

impl Reply {
    /// Parts of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// Bytes of a text.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// A number.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}
