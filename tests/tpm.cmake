# tests of tpm
