mod exchange;
mod forgery;
mod vectors;
