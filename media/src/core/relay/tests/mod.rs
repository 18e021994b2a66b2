mod edge;
mod ending;
mod mesh;
mod orders;
mod refusals;
mod sealed;
mod world;
