// Writes the bytes of a word that `mask` has; the others stay.
fn store(word: u32, bits: u32, mask: u32) {
  if (mask == 0xffffffffu) {
    dst[word] = bits;
  } else if (mask != 0u) {
    dst[word] = (dst[word] & ~mask) | bits;
  }
}
