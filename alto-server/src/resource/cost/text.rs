//! The text of a cost answer, written piece by piece.
//!
//! Single-cost and multi-cost answers (RFC 8189) differ in what is written for a pair. Written by hand, because it is nearly
//! all of a large answer.

use alto_types::MediaType;
use bytes::Bytes;

use super::matrix::CostMatrix;
use super::selection::Shown;
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
    costs: CostMatrix,
    /// Pair that is next.
    src: usize,
    dst: usize,
    /// Whether the present row has a pair already.
    has_pairs: bool,
    ended: bool,
}

impl CostText {
    /// Begins an answer with the text up to its costs, in an object that ends after them.
    pub(in crate::resource) fn new(head: Vec<u8>, costs: CostMatrix) -> Self {
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
        let CostMatrix { srcs, dsts, shown, .. } = &self.costs;
        let shown = match shown {
            Shown::One(_) => 1,
            Shown::Multi(shown) => shown.len(),
        };
        let row = dsts.len().saturating_mul(shown).saturating_mul(COST_LEN).saturating_add(dsts.text_len());
        srcs.len().saturating_mul(row).saturating_add(srcs.text_len()).saturating_add(self.head.len())
    }

    /// Writes on until there are `length` bytes or more, or until the end.
    fn write(&mut self, out: &mut Vec<u8>, length: usize) {
        if !self.head.is_empty() {
            out.append(&mut self.head);
            out.push(b'{');
        }
        let (rows, row_len) = (self.costs.srcs.len(), self.costs.dsts.len());
        while self.src < rows {
            if self.dst == 0 {
                if out.len() >= length {
                    return;
                }
                if self.src > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(self.costs.srcs.get(self.src));
                out.push(b'{');
                self.has_pairs = false;
            }
            while self.dst < row_len {
                self.write_pair(out);
                self.dst += 1;
                if out.len() >= length && self.dst < row_len {
                    return;
                }
            }
            out.push(b'}');
            (self.src, self.dst) = (self.src + 1, 0);
        }
        out.extend_from_slice(b"}}");
        self.ended = true;
    }

    /// Writes the member of the next pair, if it has one.
    fn write_pair(&mut self, out: &mut Vec<u8>) {
        let CostMatrix { dsts, columns, shown, .. } = &self.costs;
        let pair = self.src * dsts.len() + self.dst;
        match shown {
            Shown::One(column) => {
                let Some(cell) = columns[*column].get(pair) else { return };
                key(out, &mut self.has_pairs, dsts.get(self.dst));
                cell.write(out);
            }
            // A pair without any value may be left out (RFC 8189 §4.1.3), as in single-cost answers.
            Shown::Multi(shown) if shown.iter().any(|column| columns[*column].get(pair).is_some()) => {
                key(out, &mut self.has_pairs, dsts.get(self.dst));
                let mut separator = b'[';
                for column in shown {
                    out.push(std::mem::replace(&mut separator, b','));
                    match columns[*column].get(pair) {
                        Some(cell) => cell.write(out),
                        None => out.extend_from_slice(b"null"),
                    }
                }
                out.push(b']');
            }
            Shown::Multi(_) => {}
        }
    }
}

/// Writes the key of a member, after a comma if it is not the first one.
fn key(out: &mut Vec<u8>, has_members: &mut bool, key: &[u8]) {
    if std::mem::replace(has_members, true) {
        out.push(b',');
    }
    out.extend_from_slice(key);
}
