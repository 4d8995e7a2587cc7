# memory, disk and processes that fail, on purpose
if(NOT INRO_SANITIZE) # a sanitizer has the allocator itself
	add_library(inrofault SHARED fault/shim.c)
	inro_compile(inrofault)
	target_compile_options(inrofault PRIVATE -U_FORTIFY_SOURCE -fno-builtin)
	set_target_properties(inrofault PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
	inro_test(fault/test_fault_calls.c LINKS inro_moduletest inrofault LABELS fault TIMEOUT 600)
	add_dependencies(test_fault_calls inro_pkcs11)
	inro_test(fault/test_fault_embedded.c LINKS inro_turns inrofault LABELS fault)
endif()
inro_test(fault/test_fault_kill.c LINKS inro_moduletest LABELS fault TIMEOUT 600)
add_dependencies(test_fault_kill inro_pkcs11)
inro_test(fault/test_fault_bytes.c LINKS inro_moduletest LABELS fault TIMEOUT 600)
add_dependencies(test_fault_bytes inro_pkcs11)

# tokens in a TPM that is killed, full, cleared, slow, hostile or wanted by many
inro_library(inro_tpmtoken SOURCES lib/tpmproxy.c lib/tpmtoken.c LINKS inro_moduletest inro_swtpm PkgConfig::sqlite)
target_link_libraries(inro_tpmtoken PUBLIC PkgConfig::cmocka)
foreach(part answers count crowd full kill reset)
	inro_test(fault/test_tpm_${part}.c LINKS inro_tpmtoken LABELS fault tpm)
	add_dependencies(test_tpm_${part} inro_pkcs11)
endforeach()
if(NOT INRO_SANITIZE) # seventy thousand signatures
	inro_test(fault/test_tpm_gap.c LINKS inro_tpmtoken LABELS fault tpm slow TIMEOUT 600)
	add_dependencies(test_tpm_gap inro_pkcs11)
endif()
if(NOT INRO_SANITIZE) # it takes the place of dlsym(), which a sanitizer needs for itself
	inro_benchmark(bench/bench_tpm_start.c LINKS inro_tpmtoken SMOKE 8 1)
	add_dependencies(bench_tpm_start inro_pkcs11)
endif()

# a program that forks in the middle of everything; the address sanitizer's allocator hangs there (lib/scratch.h), and
# the thread sanitizer ends children that have threads
if(NOT INRO_SANITIZE)
	inro_test(fault/test_provider_forks.c LINKS inro_test_token PkgConfig::ssl LABELS fault)
	add_dependencies(test_provider_forks inro_ossl inro_pkcs11)
endif()

# the server under clients that are slow, gone, hostile or too many
inro_test(fault/test_serve_engine.c LINKS inro_httpd LABELS fault)
inro_script_test(fault/test_serve_process.sh LABELS fault)
inro_script_test(fault/test_serve_scale.sh LABELS fault)
inro_script_test(fault/test_serve_idle.sh LABELS fault)
inro_script_test(fault/test_serve_renewal.sh LABELS fault)
inro_script_test(fault/test_serve_jobs.sh LABELS fault)
