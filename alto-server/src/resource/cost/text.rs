//! The text of a cost answer, written piece by piece.
//!
//! Written by hand, because it is nearly all of a large answer.

use alto_history::{Costs, Shown};
use alto_types::MediaType;
use bytes::Bytes;

use crate::http::answer::Answer;
use crate::http::offload::{Abandoned, Cancel};

/// Length of a piece, in bytes.
const PIECE: usize = 64 * 1024;

/// Longest answer that is written before it is sent, in bytes.
const AT_ONCE: usize = 256 * 1024;

/// Length of the text of one cost, about.
const COST_LEN: usize = 8;

/// Text of an answer that is being written.
pub(in crate::resource) struct CostText {
    /// Text before the costs, until it was written.
    head: Vec<u8>,
    costs: Costs,
    /// Pair that is next.
    src: usize,
    dst: usize,
    /// Whether the present row has a pair already.
    has_pairs: bool,
    ended: bool,
}

impl CostText {
    /// Begins an answer with the text up to its costs, in an object that ends after them.
    pub(in crate::resource) fn new(head: Vec<u8>, costs: Costs) -> Self {
        Self { head, costs, src: 0, dst: 0, has_pairs: false, ended: false }
    }

    /// Returns the answer: a short one in one piece, a long one written as fast as its client reads.
    pub(in crate::resource) fn into_answer(self, media_type: MediaType, cancel: &Cancel) -> Result<Answer, Abandoned> {
        if self.estimated_len() <= AT_ONCE {
            return Ok(Answer::whole(media_type, self.whole(cancel)?));
        }
        let retained = self.costs.bytes() + PIECE;
        Ok(Answer::in_pieces(media_type, Box::new(self.pieces(PIECE)), retained))
    }

    /// Writes all of the text.
    pub(in crate::resource) fn whole(mut self, cancel: &Cancel) -> Result<Vec<u8>, Abandoned> {
        let mut out = Vec::with_capacity(self.estimated_len());
        while !self.ended {
            cancel.check()?;
            let length = out.len().saturating_add(PIECE);
            self.write(&mut out, length);
        }
        Ok(out)
    }

    /// Iterates over pieces of about the given length.
    pub(super) fn pieces(mut self, length: usize) -> impl Iterator<Item = Bytes> {
        std::iter::from_fn(move || {
            if self.ended {
                return None;
            }
            let mut out = Vec::with_capacity(length.min(2 * PIECE));
            self.write(&mut out, length);
            Some(out.into())
        })
    }

    fn estimated_len(&self) -> usize {
        let Costs { sources, destinations, shown, .. } = &self.costs;
        let shown = match shown {
            Shown::One(_) => 1,
            Shown::Multi(shown) => shown.len(),
        };
        let row = destinations.len().saturating_mul(shown).saturating_mul(COST_LEN);
        let row = row.saturating_add(destinations.text_len());
        sources.len().saturating_mul(row).saturating_add(sources.text_len()).saturating_add(self.head.len())
    }

    /// Writes on until there are `length` bytes or more, or until the end.
    fn write(&mut self, out: &mut Vec<u8>, length: usize) {
        if !self.head.is_empty() {
            out.append(&mut self.head);
            out.push(b'{');
        }
        let (rows, row_len) = (self.costs.sources.len(), self.costs.destinations.len());
        while self.src < rows {
            if self.dst == 0 {
                if out.len() >= length {
                    return;
                }
                if self.src > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(self.costs.sources.get(self.src));
                out.push(b'{');
                self.has_pairs = false;
            }
            self.dst = self.costs.write_members(out, (self.src, self.dst), &mut self.has_pairs, length);
            if self.dst < row_len {
                return;
            }
            out.push(b'}');
            (self.src, self.dst) = (self.src + 1, 0);
        }
        out.extend_from_slice(b"}}");
        self.ended = true;
    }
}
