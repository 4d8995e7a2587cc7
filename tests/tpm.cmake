# tests of tpm

# link; inro_swtpm: tests/lib/swtpm.h, for whoever wants a real TPM without a resource manager
inro_library(inro_swtpm SOURCES lib/swtpm.c LINKS inro_testlib)
# tpm/wire
inro_test(unit/test_tpm_crypt.c LINKS inro_tpm_wire)
