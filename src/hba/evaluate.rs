//! All connections at once.

use super::matrix::Matrix;
use super::parse::Config;
use super::world::World;

/// Works out which rule decides which connections.
pub fn evaluate(config: &Config, world: &World<'_>) -> Matrix {
    let _ = (config, world);
    Matrix::default()
}
