# tests of pkcs11
inro_test(unit/test_keyder.c LINKS inro_pkey)
inro_test(unit/test_pkey.c LINKS inro_pkey)
inro_test(backend/test_backend_contract.c LINKS inro_soft inro_pkey LABELS backend TIMEOUT 300)
foreach(part auth keys process seal)
	inro_test(unit/test_soft_${part}.c LINKS inro_soft inro_pkey)
endforeach()
inro_program(bench_sign SOURCES bench/bench_sign.c LINKS inro_soft inro_pkey)
set_target_properties(bench_sign PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
