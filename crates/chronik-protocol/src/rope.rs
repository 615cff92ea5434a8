//! `Rope`: bytes in several pieces, so that a response can carry records without copying them.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// A sequence of shared chunks, none of them empty. As a [`Buf`] it is consumed while it is sent,
/// with vectored writes where the sink has them.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    chunks: VecDeque<Bytes>,
    len: usize,
}

impl Rope {
    /// Bytes in all chunks.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks in order.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.chunks.iter()
    }

    /// Appends a chunk without copying it.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Everything in one piece; copies unless it is one already.
    pub fn into_bytes(mut self) -> Bytes {
        match self.chunks.len() {
            0 => Bytes::new(),
            1 => self.chunks.pop_front().unwrap_or_default(),
            _ => {
                let mut all = BytesMut::with_capacity(self.len);
                for chunk in &self.chunks {
                    all.extend_from_slice(chunk);
                }
                all.freeze()
            }
        }
    }
}

impl IntoIterator for Rope {
    type Item = Bytes;
    type IntoIter = std::collections::vec_deque::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter()
    }
}

impl Buf for Rope {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let count = out.len().min(self.chunks.len());
        for (slot, chunk) in out.iter_mut().zip(&self.chunks) {
            *slot = IoSlice::new(chunk);
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "advanced past the end of a rope");
        self.len -= count;
        while let Some(front) = self.chunks.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rope_is_consumed_across_its_chunks() {
        let mut rope = Rope::default();
        for chunk in ["ab", "", "cde", "f"] {
            rope.push(Bytes::from_static(chunk.as_bytes()));
        }
        assert_eq!((rope.len(), rope.chunks().len()), (6, 3));
        assert_eq!(rope.clone().into_bytes(), "abcdef");
        rope.advance(3);
        assert_eq!((rope.chunk(), rope.remaining()), (&b"de"[..], 3));
        rope.advance(3);
        assert!(rope.is_empty() && rope.chunk().is_empty());
    }
}
