# tests of tpm

# link; inro_swtpm: tests/lib/swtpm.h, for whoever wants a real TPM without a resource manager
inro_library(inro_swtpm SOURCES lib/swtpm.c LINKS inro_testlib)
inro_test(integration/test_tpm_link_swtpm.c LINKS inro_tpm_link inro_swtpm TIMEOUT 300)
target_sources(test_tpm_link_swtpm PRIVATE lib/tpm_raw.c)
# the embedded TPM; tests/lib/tpm_turns.h is for whoever wants one without the layers above
inro_library(inro_turns SOURCES lib/tpm_turns.c LINKS inro_testlib inro_tpm_link)
inro_test(integration/test_tpm_embedded.c LINKS inro_turns)
target_link_options(test_tpm_embedded PRIVATE -Wl,--wrap=dlopen)
inro_test(integration/test_tpm_embedded_fork.c LINKS inro_turns TIMEOUT 300)
inro_benchmark(bench/bench_tpm_link.c LINKS inro_turns SMOKE 0)
inro_test(integration/test_tpm_link_tabrmd.c LINKS inro_tpm_link inro_swtpm)
target_sources(test_tpm_link_tabrmd PRIVATE lib/tpm_raw.c)
inro_test(unit/test_tpm_link.c LINKS inro_tpm_link inro_testlib)
# tpm/wire
pkg_check_modules(tss2mu REQUIRED IMPORTED_TARGET tss2-mu)
inro_test(unit/test_tpm_wire.c LINKS inro_tpm_wire PkgConfig::tss2mu)
inro_test(unit/test_tpm_wire_edges.c LINKS inro_tpm_wire PkgConfig::tss2mu)
inro_test(unit/test_tpm_crypt.c LINKS inro_tpm_wire)
inro_test(unit/test_tpm_crypt_key.c LINKS inro_tpm_wire)
inro_test(unit/test_tpm_rc.c LINKS inro_tpm_wire)
inro_fuzz(fuzz/fuzz_tpm_wire.c CORPUS fuzz/corpus/tpm_wire LINKS inro_tpm_wire)
inro_test(unit/test_tpm_policy.c LINKS inro_swtpm inro_tpm_wire)
# tpm/move
inro_test(integration/test_tpm_wrap.c LINKS inro_tpm_move inro_swtpm)
inro_script_test(integration/test_inro_tpm.sh TIMEOUT 300)

# keys in the TPM: every test on every way to one
inro_library(inro_tpmways SOURCES lib/tpmways.c lib/twins.c LINKS inro_swtpm inro_tpm_token inro_testlib PkgConfig::cmocka)
foreach(part key secret)
	inro_test(integration/test_tpm_${part}.c LINKS inro_tpmways TIMEOUT 300)
endforeach()
pkg_check_modules(tss2sys REQUIRED IMPORTED_TARGET tss2-sys tss2-mu tss2-tcti-swtpm)
inro_benchmark(bench/bench_tpm_sign.c LINKS inro_tpm_token inro_swtpm inro_testlib PkgConfig::tss2sys ${CMAKE_DL_LIBS} SMOKE 0)

# tpm/talk; inro_tpmkeys: tests/lib/tpmkeys.h and tpmtap.h
inro_library(inro_tpmkeys SOURCES lib/tpmkeys.c lib/tpmtap.c LINKS inro_swtpm inro_tpm_talk PkgConfig::cmocka)
inro_test(unit/test_tpm_run.c LINKS inro_tpm_talk inro_testlib)
inro_test(unit/test_tpm_turn.c LINKS inro_tpm_talk)
inro_test(integration/test_tpm_talk.c LINKS inro_tpmkeys TIMEOUT 300)
inro_test(integration/test_tpm_cmd.c LINKS inro_tpmkeys)
inro_test(integration/test_tpm_resident.c LINKS inro_tpmkeys)
inro_test(integration/test_tpm_root.c LINKS inro_tpmkeys)
inro_fuzz(fuzz/fuzz_tpm_answer.c CORPUS fuzz/corpus/tpm_answer LINKS inro_tpm_talk)
# a TPM token
inro_test(unit/test_tpm_words.c LINKS inro_tpm_token)
inro_test(unit/test_tpm_place.c LINKS inro_tpm_token)
inro_test(integration/test_tpm_pin.c LINKS inro_tpm_token inro_swtpm)
inro_script_test(integration/test_tpm_token.sh)
