# tests of pkcs11
inro_test(unit/test_keyder.c LINKS inro_pkey)
inro_test(unit/test_pkey.c LINKS inro_pkey)
inro_test(backend/test_backend_contract.c LINKS inro_soft inro_pkey LABELS backend TIMEOUT 300)
foreach(part auth keys process seal)
	inro_test(unit/test_soft_${part}.c LINKS inro_soft inro_pkey)
endforeach()
inro_program(bench_sign SOURCES bench/bench_sign.c LINKS inro_soft inro_pkey)
set_target_properties(bench_sign PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
inro_fuzz(fuzz/fuzz_key.c CORPUS fuzz/corpus/key LINKS inro_pkey)
inro_fuzz(fuzz/fuzz_sealed.c CORPUS fuzz/corpus/sealed LINKS inro_soft inro_pkey)
inro_test(unit/test_soft_faults.c LINKS inro_soft inro_pkey)
target_link_options(test_soft_faults PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap,--wrap=getrandom)
