//! The bar that shows how far a training is. WebAssembly has none.

#[cfg(not(target_family = "wasm"))]
pub use bar::Progress;
#[cfg(target_family = "wasm")]
pub use no_bar::Progress;

#[cfg(not(target_family = "wasm"))]
mod bar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use steadynet::Epoch;

    /// A bar on standard error, only if that is a terminal.
    pub struct Progress(ProgressBar);

    impl Progress {
        pub fn new(epochs: u32, hidden: bool) -> Progress {
            let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
            let bar = ProgressBar::with_draw_target(Some(epochs.into()), target);
            // A template that cannot be read, which a test would show, leaves the plain bar.
            if let Ok(style) = ProgressStyle::with_template("epoch {pos}/{len} {bar:16.cyan/blue} {msg}, {eta} left") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_message("begins");
            Progress(bar)
        }

        /// Shows a finished epoch.
        pub fn show(&self, epoch: &Epoch) {
            if self.0.is_hidden() {
                return;
            }
            let mut message = format!("loss {:.4}", epoch.loss);
            if let Some(loss) = epoch.validation_loss {
                message += &format!(", validation {loss:.4}");
            }
            if let Some(accuracy) = epoch.validation_accuracy {
                message += &format!(" ({:.2}%)", 100.0 * accuracy);
            }
            self.0.set_position(epoch.epoch as u64);
            self.0.set_message(message);
        }

        /// Takes the bar away: the report follows.
        pub fn finish(self) {
            self.0.finish_and_clear();
        }
    }
}

#[cfg(target_family = "wasm")]
mod no_bar {
    use steadynet::Epoch;

    pub struct Progress;

    impl Progress {
        pub fn new(_epochs: u32, _hidden: bool) -> Progress {
            Progress
        }
        pub fn show(&self, _epoch: &Epoch) {}
        pub fn finish(self) {}
    }
}
