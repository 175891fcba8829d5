mod exchange;
mod forgery;
mod rekey;
mod vectors;
