//! Dense neural networks.
