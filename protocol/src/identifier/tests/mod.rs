mod kinds;
mod nik;
