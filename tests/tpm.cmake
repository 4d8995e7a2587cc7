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
inro_library(inro_evidence_maker SOURCES lib/evidence_maker.c LINKS inro_tpm_move inro_testlib)
inro_test(unit/test_tpm_evidence.c LINKS inro_evidence_maker)
inro_test(unit/test_tpm_file.c LINKS inro_tpm_move)
inro_fuzz(fuzz/fuzz_tpm_file.c CORPUS fuzz/corpus/tpm_file LINKS inro_tpm_move)
inro_fuzz(fuzz/fuzz_tpm_evidence.c CORPUS fuzz/corpus/tpm_evidence LINKS inro_tpm_move)
inro_test(integration/test_tpm_wrap.c LINKS inro_tpm_move inro_swtpm)
inro_script_test(integration/test_inro_tpm.sh TIMEOUT 300)
inro_test(integration/test_tpm_admin.c LINKS inro_moduletest inro_tpm_move)
add_dependencies(test_tpm_admin inro_pkcs11)

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

# Programs of others, and the main job, on tokens in a TPM.  Under a sanitizer one of each way: the rest is the same
# code with other programs.
inro_tpm_script_test(interop/test_interop_opensc.sh TPM libtpms LABELS interop)
inro_tpm_script_test(integration/test_main_job.sh TPM swtpm-unix)
if(NOT INRO_SANITIZE)
	inro_tpm_script_test(interop/test_interop_opensc.sh TPM swtpm-unix LABELS interop)
	inro_tpm_script_test(interop/test_interop_opensc.sh TPM swtpm-tcp LABELS interop)
	inro_tpm_script_test(interop/test_interop_engine.sh TPM libtpms LABELS interop)
	inro_tpm_script_test(integration/test_main_job.sh TPM libtpms)
	inro_tpm_script_test(integration/test_provision_killed.sh TPM libtpms)
	inro_tpm_script_test(integration/test_key_import.sh TPM libtpms)
	inro_tpm_script_test(integration/test_provider_commands.sh TPM libtpms TIMEOUT 300)
	inro_tpm_script_test(integration/test_provider_tls.sh TPM libtpms)
	foreach(program ssh nss gnutls java)
		inro_tpm_script_test(interop/test_interop_${program}.sh TPM libtpms LABELS interop TIMEOUT 240)
	endforeach()
	inro_tpm_script_test(interop/test_interop_ssh.sh TPM swtpm-unix LABELS interop)
	inro_tpm_script_test(interop/test_interop_java.sh TPM swtpm-unix LABELS interop TIMEOUT 240)
	inro_tpm_script_test(integration/test_p11tool.sh TPM swtpm-unix)
	inro_tpm_script_test(integration/test_keytool.sh TPM swtpm-unix TIMEOUT 240)
endif()

# break-ins
inro_test(integration/test_tpm_breakin.c LINKS inro_tpmtoken inro_tpm_move TIMEOUT 300)
add_dependencies(test_tpm_breakin inro_pkcs11)
inro_test(integration/test_tpm_owner.c LINKS inro_tpm_token inro_tpmtoken TIMEOUT 300)
