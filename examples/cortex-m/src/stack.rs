//! How much stack a function takes.

/// Bytes below the caller's frame that are looked at.
const DEPTH: usize = 16 * 1024;
const PAINT: u32 = 0xC0DE_C0DE;

/// Calls `work` over painted stack and counts what has lost its paint.
#[inline(never)]
pub fn used<T>(work: impl FnOnce() -> T) -> usize {
    let here = 0u32;
    let bottom = (&raw const here as usize - DEPTH) as *mut u32;
    // The frames of the calls that paint and count lie in the first bytes.
    let words = DEPTH / 4 - 64;
    for i in 0..words {
        // SAFETY: the stack of these boards goes down to the variables, further than DEPTH, and nothing lives below this frame.
        unsafe { bottom.add(i).write_volatile(PAINT) }
    }
    work();
    // SAFETY: as above.
    let untouched = (0..words).take_while(|&i| unsafe { bottom.add(i).read_volatile() } == PAINT).count();
    DEPTH - 4 * untouched
}
