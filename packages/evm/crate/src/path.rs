//! Paths through the trie: up to 64 nibbles, one a byte, and their compact (hex-prefix) form.

#[derive(Clone, Copy)]
pub struct Path {
    nibbles: [u8; 64],
    length: u8,
}

impl Path {
    /// The nibbles of at most 32 bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut nibbles = [0; 64];
        for (index, byte) in bytes.iter().enumerate() {
            nibbles[2 * index] = byte >> 4;
            nibbles[2 * index + 1] = byte & 15;
        }
        Self { nibbles, length: 2 * bytes.len() as u8 }
    }

    pub fn of_nibbles(slice: &[u8]) -> Self {
        let mut nibbles = [0; 64];
        nibbles[..slice.len()].copy_from_slice(slice);
        Self { nibbles, length: slice.len() as u8 }
    }

    /// `None` when the two together are longer than any key.
    pub fn join(head: &[u8], tail: &[u8]) -> Option<Self> {
        let length = head.len() + tail.len();
        let mut nibbles = [0; 64];
        nibbles[..head.len()].copy_from_slice(head);
        nibbles.get_mut(head.len()..length)?.copy_from_slice(tail);
        Some(Self { nibbles, length: length as u8 })
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.nibbles[..self.length as usize]
    }

    /// Reads a compact path; the flag says whether it ends in a leaf.
    pub fn of_compact(compact: &[u8]) -> Option<(Self, bool)> {
        let first = *compact.first()?;
        if first >= 0x40 || compact.len() > 33 {
            return None;
        }
        let mut nibbles = [0; 64];
        let mut length = 0;
        if first & 0x10 != 0 {
            nibbles[0] = first & 15;
            length = 1;
        } else if first & 15 != 0 {
            return None;
        }
        for byte in &compact[1..] {
            *nibbles.get_mut(length)? = byte >> 4;
            *nibbles.get_mut(length + 1)? = byte & 15;
            length += 2;
        }
        Some((Self { nibbles, length: length as u8 }, first & 0x20 != 0))
    }

    /// The compact form in a buffer of 33 bytes, and how many of them are used.
    pub fn to_compact(&self, is_leaf: bool) -> ([u8; 33], usize) {
        let nibbles = self.as_slice();
        let flag = if is_leaf { 0x20 } else { 0 };
        let mut compact = [0; 33];
        let odd = nibbles.len() % 2;
        compact[0] = if odd == 1 { flag | 0x10 | nibbles[0] } else { flag };
        let mut used = 1;
        for pair in nibbles[odd..].chunks_exact(2) {
            compact[used] = (pair[0] << 4) | pair[1];
            used += 1;
        }
        (compact, used)
    }
}

pub fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}
