//! Nothing but a prediction, for its size.
#![no_std]
#![no_main]

#[allow(dead_code, reason = "the self-test and the training are not called here")]
mod model;

use core::hint::black_box;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[cortex_m_rt::entry]
fn main() -> ! {
    loop {
        black_box(model::predict(black_box(&[0.0; model::INPUTS])));
    }
}
