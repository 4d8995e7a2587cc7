# tests of pkcs11
inro_test(unit/test_keyder.c LINKS inro_pkey)
inro_test(unit/test_pkey.c LINKS inro_pkey)
inro_test(unit/test_skey.c LINKS inro_pkey)
inro_library(inro_testbackend SOURCES backend/fixture.c LINKS inro_soft inro_pkey PkgConfig::cmocka)
inro_test(backend/test_backend_contract.c LINKS inro_testbackend LABELS backend)
inro_test(backend/test_backend_keys.c LINKS inro_testbackend LABELS backend)
inro_test(backend/test_backend_secret.c LINKS inro_testbackend LABELS backend)
foreach(part auth process seal table)
	inro_test(unit/test_soft_${part}.c LINKS inro_soft inro_pkey)
endforeach()
inro_program(bench_sign SOURCES bench/bench_sign.c LINKS inro_soft inro_pkey)
inro_program(bench_secret SOURCES bench/bench_secret.c LINKS inro_soft inro_pkey)
set_target_properties(bench_sign bench_secret PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
inro_fuzz(fuzz/fuzz_key.c CORPUS fuzz/corpus/key LINKS inro_pkey)
inro_fuzz(fuzz/fuzz_sealed.c CORPUS fuzz/corpus/sealed LINKS inro_soft inro_pkey)
inro_test(unit/test_soft_faults.c LINKS inro_soft inro_pkey)
target_link_options(test_soft_faults PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap,--wrap=getrandom)

foreach(part rule rv template)
	inro_test(unit/test_token_${part}.c LINKS inro_moduletest inro_api inro_token inro_soft inro_token)
	target_sources(test_token_${part} PRIVATE ${PROJECT_SOURCE_DIR}/pkcs11/backends.c)
endforeach()

inro_test(unit/test_policy.c LINKS inro_token inro_soft inro_token)
target_sources(test_policy PRIVATE ${PROJECT_SOURCE_DIR}/pkcs11/backends.c)

inro_test(unit/test_token_home.c LINKS inro_testlib inro_token inro_db PkgConfig::sqlite)

# The module as programs meet it: loaded by its path.
inro_library(inro_moduletest SOURCES lib/module.c LINKS inro_testlib inro_base PkgConfig::p11kit PkgConfig::cmocka)
target_link_libraries(inro_moduletest PUBLIC ${CMAKE_DL_LIBS})
function(inro_module_test name)
	inro_test(unit/test_token_${name}.c LINKS inro_moduletest ${ARGN})
	add_dependencies(test_token_${name} inro_pkcs11)
endfunction()
inro_test(unit/test_settings.c LINKS inro_moduletest inro_token)
add_dependencies(test_settings inro_pkcs11)
inro_test(unit/test_store_upgrade.c LINKS inro_moduletest inro_token inro_db PkgConfig::sqlite)
add_dependencies(test_store_upgrade inro_pkcs11)
inro_module_test(admin PkgConfig::sqlite)
inro_module_test(backup PkgConfig::sqlite)
inro_module_test(users)
foreach(part mech objects pin session sign threads)
	inro_module_test(${part})
endforeach()
inro_module_test(process PkgConfig::sqlite TIMEOUT 300)

# programs of others on the module
inro_script_test(integration/test_pkcs11_tool.sh LABELS integration)
if(NOT INRO_SANITIZE) # GnuTLS and Java don't run under a sanitizer's library, with any module or none
	inro_script_test(integration/test_p11tool.sh LABELS integration)
	inro_script_test(integration/test_keytool.sh LABELS integration)
endif()

inro_program(bench_start SOURCES bench/bench_start.c LINKS inro_moduletest)
set_target_properties(bench_start PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
