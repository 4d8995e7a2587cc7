# tests of backoffice
inro_library(inro_judge SOURCES lib/judge.c lib/wish.c LINKS inro_pki PkgConfig::cmocka)
inro_test(unit/test_pki_names.c LINKS inro_judge)
inro_test(unit/test_pki_limits.c LINKS inro_judge)
inro_test(unit/test_pki_csr.c LINKS inro_judge)
inro_test(unit/test_pki_rsa.c LINKS inro_judge)
inro_test(unit/test_pki_cmp.c LINKS inro_judge)
inro_test(unit/test_pki_csrattrs.c LINKS inro_pki)
inro_test(unit/test_pki_bundle.c LINKS inro_pki)
inro_test(unit/test_pki_issue.c LINKS inro_judge)
inro_test(unit/test_pki_cert.c LINKS inro_judge)
inro_test(unit/test_pki_profile.c LINKS inro_judge)
inro_test(unit/test_pki_own.c LINKS inro_judge)
inro_test(unit/test_pki_weak.c LINKS inro_judge inro_testlib)
inro_test(unit/test_pki_crl.c LINKS inro_judge inro_testlib)
inro_test(unit/test_pki_ocsp.c LINKS inro_judge)
inro_library(inro_testeach SOURCES lib/each.c LINKS inro_testlib inro_backoffice_token PkgConfig::cmocka)
add_dependencies(inro_testeach inro_pkcs11)
inro_test(unit/test_token.c LINKS inro_judge inro_testeach)
inro_test(unit/test_token_again.c LINKS inro_judge inro_testeach)
inro_test(unit/test_token_held.c LINKS inro_judge inro_testeach)
inro_test(unit/test_token_sets.c LINKS inro_pki inro_cryptoki)
inro_fuzz(fuzz/fuzz_pki.c CORPUS fuzz/corpus/pki LINKS inro_pki)
inro_fuzz(fuzz/fuzz_crl.c CORPUS fuzz/corpus/crl LINKS inro_pki)
inro_fuzz(fuzz/fuzz_ocsp.c CORPUS fuzz/corpus/ocsp LINKS inro_pki PkgConfig::crypto)
inro_fuzz(fuzz/fuzz_blocklist.c CORPUS fuzz/corpus/blocklist LINKS inro_pki)
inro_fuzz(fuzz/fuzz_words.c CORPUS fuzz/corpus/words LINKS inro_pki)
inro_library(inro_testpg SOURCES lib/postgres.c lib/pgproxy.c LINKS inro_testlib)
inro_program(pg_serve SOURCES lib/pg_serve.c LINKS inro_testpg)
set_target_properties(pg_serve PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
inro_script_test(integration/test_inro_db.sh LABELS store)
inro_test(store/test_store_faults.c LINKS inro_store inro_testlib inro_testpg LABELS store)
target_include_directories(test_store_faults PRIVATE ${libpq_INCLUDE_DIRS})
inro_library(inro_teststores SOURCES lib/stores.c LINKS inro_testpg inro_testlib inro_store PkgConfig::cmocka)
inro_test(store/test_store_contract.c LINKS inro_teststores LABELS store)
inro_test(store/test_store_deferred.c LINKS inro_teststores LABELS store)
inro_test(store/test_store_foreseen.c LINKS inro_teststores LABELS store)
inro_test(store/test_store_plans.c LINKS inro_teststores LABELS store)
inro_test(store/test_store_queries.c LINKS inro_teststores LABELS store)
inro_test(store/test_store_open.c LINKS inro_store inro_testlib LABELS store)
target_link_options(test_store_open PRIVATE -Wl,--wrap=fsync)
inro_test(store/test_store_pack.c LINKS inro_store LABELS store)
inro_fuzz(fuzz/fuzz_pack.c CORPUS fuzz/corpus/pack LINKS inro_store)
inro_test(store/test_store_delta.c LINKS inro_store LABELS store)
inro_library(inro_testoffice SOURCES lib/office.c lib/foreign.c lib/enrolling.c lib/keyed.c lib/twice.c LINKS inro_testpg inro_testlib inro_core PkgConfig::cmocka)
add_dependencies(inro_testoffice inro_pkcs11)
target_link_options(inro_testoffice INTERFACE -Wl,--wrap=store_begin,--wrap=store_commit,--undefined=__wrap_store_commit)
inro_test(unit/test_lifecycle.c LINKS inro_core)
inro_test(unit/test_core_json.c LINKS inro_core PkgConfig::jansson)
target_link_options(test_core_json PRIVATE -Wl,--wrap=free)
inro_test(unit/test_core_device.c LINKS inro_testoffice)
inro_test(unit/test_core_import.c LINKS inro_testoffice)
inro_test(unit/test_core_job.c LINKS inro_testoffice)
inro_test(unit/test_core_job_certs.c LINKS inro_testoffice)
inro_test(unit/test_core_job_sent.c LINKS inro_testoffice)
inro_test(unit/test_core_job_again.c LINKS inro_testoffice)
inro_test(unit/test_core_job_lot.c LINKS inro_testoffice)
inro_test(fault/test_fault_jobs.c LINKS inro_testoffice TIMEOUT 3600)
inro_fuzz(fuzz/fuzz_archive.c CORPUS fuzz/corpus/archive LINKS inro_core inro_testlib)
inro_fuzz(fuzz/fuzz_csv.c CORPUS fuzz/corpus/csv LINKS inro_core)
inro_test(unit/test_core_registry.c LINKS inro_testoffice)
inro_test(unit/test_core_anchor.c LINKS inro_testoffice)
inro_test(unit/test_core_where.c LINKS inro_testoffice)
inro_test(unit/test_core_approval.c LINKS inro_testoffice)
inro_test(unit/test_core_enrol.c LINKS inro_testoffice)
inro_test(unit/test_core_made_key.c LINKS inro_testoffice)
inro_library(inro_testask SOURCES lib/ask.c LINKS inro_http inro_testoffice)
inro_test(unit/test_ocsp.c LINKS inro_ocsp inro_testoffice)
inro_test(unit/test_est.c LINKS inro_est inro_testask)
inro_test(unit/test_cmp.c LINKS inro_cmp inro_testask)
inro_test(unit/test_serve_duties.c LINKS inro_serve)
inro_fuzz(fuzz/fuzz_est.c CORPUS fuzz/corpus/est LINKS inro_est)
inro_fuzz(fuzz/fuzz_cmp.c CORPUS fuzz/corpus/cmp LINKS inro_pki)
inro_test(unit/test_core_audit.c LINKS inro_testoffice)
inro_test(unit/test_core_marks.c LINKS inro_testoffice)
inro_test(unit/test_core_proposal.c LINKS inro_testoffice)
inro_test(unit/test_core_eyes.c LINKS inro_testoffice)
inro_test(unit/test_core_search.c LINKS inro_testoffice)
inro_test(unit/test_core_basic.c LINKS inro_core)
inro_test(unit/test_core_login.c LINKS inro_testoffice)
inro_test(unit/test_core_network.c LINKS inro_testoffice)
target_sources(test_core_network PRIVATE lib/still.c)
target_link_options(test_core_network PRIVATE -Wl,--wrap=clock_monotonic_ms)
inro_test(unit/test_core_unnamed.c LINKS inro_testoffice)
inro_test(unit/test_core_reply.c LINKS inro_testoffice)
inro_test(unit/test_core_attest.c LINKS inro_testoffice inro_evidence_maker)
inro_test(unit/test_core_attested.c LINKS inro_testoffice)
inro_test(unit/test_core_errand.c LINKS inro_testoffice)
inro_test(unit/test_core_secrets.c LINKS inro_testoffice)
target_link_options(test_core_secrets PRIVATE -Wl,--wrap=verifier_make,--wrap=verifier_check)
inro_test(unit/test_core_symkey.c LINKS inro_testoffice)
inro_test(unit/test_core_wrap.c LINKS inro_testoffice PkgConfig::jansson)
inro_script_test(integration/test_inro_profile.sh)
inro_script_test(integration/test_inro_job.sh)
inro_script_test(integration/test_inro_lifecycle.sh)
inro_script_test(integration/test_inro_psk.sh)
inro_script_test(integration/test_inro_secret.sh)
inro_test(unit/test_core_issue.c LINKS inro_testoffice)
inro_test(unit/test_core_bulk.c LINKS inro_testoffice)
inro_test(unit/test_core_ca_signer.c LINKS inro_testoffice)
inro_test(unit/test_core_ca.c LINKS inro_testoffice)
inro_test(unit/test_core_ca_lists.c LINKS inro_testoffice)
inro_test(unit/test_core_claimed.c LINKS inro_testoffice)
inro_test(unit/test_core_connector.c LINKS inro_testoffice)
inro_test(unit/test_core_delegate.c LINKS inro_testoffice)
inro_test(unit/test_core_profile.c LINKS inro_testoffice)
inro_test(unit/test_core_clock.c LINKS inro_testoffice)
inro_test(unit/test_core_ahead.c LINKS inro_testoffice)
inro_library(inro_hostile SOURCES lib/hostile.c lib/hostile_keys.c lib/csr_parts.c LINKS inro_base PkgConfig::crypto)
inro_test(unit/test_core_hostile.c LINKS inro_testoffice inro_hostile)
# The same requests, through the fuzzer's target.
inro_program(make_hostile SOURCES lib/make_hostile.c LINKS inro_hostile inro_base)
set_target_properties(make_hostile PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME fuzz_pki_hostile_made COMMAND make_hostile ${PROJECT_BINARY_DIR}/corpus-hostile)
set_tests_properties(fuzz_pki_hostile_made PROPERTIES FIXTURES_SETUP hostile)
add_test(NAME fuzz_pki_hostile COMMAND fuzz_pki ${PROJECT_BINARY_DIR}/corpus-hostile)
set_tests_properties(fuzz_pki_hostile PROPERTIES FIXTURES_REQUIRED hostile)
inro_test_properties(fuzz_pki_hostile "fuzz" 300)
inro_test(unit/test_core_lease.c LINKS inro_testoffice)
inro_test(unit/test_core_status.c LINKS inro_testoffice)
inro_test(unit/test_core_life.c LINKS inro_testoffice)
inro_test(unit/test_core_lists.c LINKS inro_testoffice)
inro_test(unit/test_core_provision.c LINKS inro_testoffice)
inro_script_test(integration/test_provision_killed.sh)
inro_script_test(integration/test_psk_killed.sh)
inro_script_test(integration/test_ca_connect.sh)
inro_script_test(integration/test_ca_cmp.sh)
inro_script_test(integration/test_ca_cmp_delay.sh)
inro_script_test(integration/test_ca_est.sh)
inro_script_test(integration/test_ca_crl.sh)
inro_script_test(integration/test_ca_external.sh)
inro_script_test(integration/test_ca_keys.sh)
inro_script_test(integration/test_ca_bounds.sh)
inro_script_test(integration/test_ca_names.sh)
inro_script_test(integration/test_ca_rollover.sh)
inro_script_test(integration/test_ca_import.sh)
inro_script_test(integration/test_cas_page.sh)
inro_test(unit/test_core_faults.c LINKS inro_testoffice)
target_link_options(test_core_faults PRIVATE -Wl,--wrap=getrandom)
inro_test(unit/test_core_unsure.c LINKS inro_testoffice)
target_link_options(test_core_unsure PRIVATE -Wl,--wrap=core_write,--wrap=ca_load)
inro_test(unit/test_core_older.c LINKS inro_testoffice)
inro_test(unit/test_core_storm.c LINKS inro_testoffice)
inro_test(unit/test_core_view.c LINKS inro_testoffice)
inro_test(unit/test_core_steady.c LINKS inro_testoffice)
inro_test(unit/test_core_memo.c LINKS inro_testoffice)
inro_test(unit/test_core_newcomer.c LINKS inro_testoffice)
target_link_options(test_core_newcomer PRIVATE -Wl,--wrap=core_write_alone)
inro_test(unit/test_core_writers.c LINKS inro_testoffice)
target_link_options(test_core_writers PRIVATE -Wl,--wrap=audit_flush)
inro_benchmark(bench/bench_issue.c LINKS inro_pki SMOKE 1)
inro_benchmark(bench/bench_audit.c LINKS inro_core SMOKE 100)

# The whole core once more on PostgreSQL, as NAME_postgres (lib/office.h).
foreach(name
		core_device
		core_registry
		core_anchor
		core_where
		core_search
		core_import
		core_job
		core_approval
		core_job_certs
		core_job_sent
		core_job_again
		core_job_lot
		core_audit
		core_marks
		core_errand
		core_network
		core_reply
		core_attest
		core_attested
		core_proposal
		core_enrol
		core_made_key
		core_eyes
		core_login
		core_issue
		core_bulk
		core_lease
		core_life
		core_lists
		core_provision
		core_status
		core_ahead
		core_faults
		core_secrets
		core_ca
		core_ca_lists
		core_ca_signer
		core_claimed
		core_connector
		core_delegate
		core_older
		core_storm
		core_symkey
		core_wrap
		core_view
		core_memo
		core_steady
		core_newcomer
		core_writers
		core_unsure
		core_unnamed
		fault_jobs
	)
	add_test(NAME test_${name}_postgres COMMAND ${CMAKE_COMMAND} -E env INRO_TEST_DB=postgres $<TARGET_FILE:test_${name}>)
	set_tests_properties(test_${name}_postgres PROPERTIES SKIP_RETURN_CODE 77)
	inro_test_properties(test_${name}_postgres "store" 300)
endforeach()
set_tests_properties(test_fault_jobs_postgres PROPERTIES TIMEOUT 3600)

# And with each write undone once before it is committed, as NAME_twice (lib/twice.c).
foreach(name
		core_approval
		core_attest
		core_attested
		core_audit
		core_bulk
		core_device
		core_eyes
		core_import
		core_job
		core_job_certs
		core_job_sent
		core_job_again
		core_job_lot
		core_issue
		core_lease
		core_life
		core_lists
		core_provision
		core_login
		core_marks
		core_errand
		core_network
		core_reply
		core_proposal
		core_registry
		core_anchor
		core_where
		core_older
		core_secrets
		core_status
		core_ahead
		core_ca
		core_ca_lists
		core_ca_signer
		core_claimed
		core_connector
		core_delegate
		core_symkey
		core_wrap
		core_view
		core_memo
		core_steady
		core_newcomer
		core_writers
		core_unsure
		core_unnamed
	)
	add_test(NAME test_${name}_twice COMMAND ${CMAKE_COMMAND} -E env INRO_TEST_TWICE=1 $<TARGET_FILE:test_${name}>)
	inro_test_properties(test_${name}_twice "store" 300)
endforeach()
inro_benchmark(bench/bench_ocsp.c LINKS inro_ocsp inro_testoffice SMOKE 300 0.2)
add_dependencies(bench_ocsp inro_pkcs11)
inro_benchmark(bench/bench_crl.c LINKS inro_testoffice SMOKE 2000)
add_dependencies(bench_crl inro_pkcs11)
inro_benchmark(bench/bench_bulk_issue.c LINKS inro_testoffice SMOKE 20 10)
inro_benchmark(bench/bench_fleet.c SOURCES bench/fleet.c LINKS inro_testoffice SMOKE 200)
add_dependencies(bench_fleet inro_pkcs11)
inro_library(inro_script SOURCES bench/script.c LINKS inro_testoffice PkgConfig::sqlite)
target_include_directories(inro_script PRIVATE ${libpq_INCLUDE_DIRS})
inro_benchmark(bench/bench_jobs.c SOURCES bench/fleet.c LINKS inro_script SMOKE 40)
add_dependencies(bench_jobs inro_pkcs11)
inro_benchmark(bench/bench_registry.c LINKS inro_script SMOKE 1200)
add_dependencies(bench_registry inro_pkcs11)
inro_program(make_csrs SOURCES lib/make_csrs.c LINKS PkgConfig::crypto)
set_target_properties(make_csrs PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
inro_script_test(integration/test_story.sh LABELS store TIMEOUT 3600)
add_test(NAME test_story_postgres COMMAND ${CMAKE_COMMAND} -E env INRO_TEST_DB=postgres bash ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_story.sh)
set_tests_properties(test_story_postgres PROPERTIES SKIP_RETURN_CODE 77)
inro_test_properties(test_story_postgres "store" 3600)
add_test(NAME test_ca_connect_postgres COMMAND ${CMAKE_COMMAND} -E env INRO_TEST_DB=postgres bash ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_ca_connect.sh)
set_tests_properties(test_ca_connect_postgres PROPERTIES SKIP_RETURN_CODE 77)
inro_test_properties(test_ca_connect_postgres "store" 120)
inro_script_test(integration/test_operations_page.sh)

# on the network
inro_library(inro_httpd SOURCES lib/httpd.c LINKS inro_http PkgConfig::cmocka)
inro_test(unit/test_http.c LINKS inro_httpd)
inro_test(unit/test_http_tls.c LINKS inro_httpd)
inro_test(unit/test_tls_lib.c LINKS inro_fetch inro_http PkgConfig::ssl PkgConfig::crypto)
inro_test(unit/test_keyroom.c LINKS inro_fetch inro_http inro_testlib PkgConfig::ssl PkgConfig::crypto)
add_dependencies(test_keyroom inro_ossl)
inro_fuzz(fuzz/fuzz_http.c CORPUS fuzz/corpus/http LINKS inro_http)
inro_fuzz(fuzz/fuzz_ocsp_get.c CORPUS fuzz/corpus/ocsp_get LINKS inro_ocsp inro_testlib PkgConfig::crypto)
inro_fuzz(fuzz/fuzz_server.c CORPUS fuzz/corpus/server LINKS inro_http inro_testlib EVERY 7)
inro_script_test(integration/test_serve.sh)
inro_script_test(integration/test_serve_cmp.sh)
inro_script_test(integration/test_serve_est.sh)
inro_script_test(integration/test_serve_ocsp.sh)
inro_script_test(integration/test_serve_pq.sh)
inro_program(print_rest SOURCES docs/print_rest.c LINKS inro_rest)
set_target_properties(print_rest PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
inro_test(unit/test_rest_rows.c LINKS inro_rest PkgConfig::jansson)
inro_test(unit/test_rest_lines.c LINKS inro_rest inro_testask)
target_link_options(test_rest_lines PRIVATE -Wl,--wrap=core_write_alone,--wrap=cred_view_named)
inro_test(unit/test_rest_self.c LINKS inro_rest inro_testask)
inro_test(unit/test_rest_none.c LINKS inro_rest inro_testask)
inro_test(unit/test_rest_done.c LINKS inro_rest inro_testask)
inro_test(unit/test_rest_commands.c LINKS inro_tools inro_rest PkgConfig::jansson)
inro_fuzz(fuzz/fuzz_rest.c CORPUS fuzz/corpus/rest LINKS inro_rest PkgConfig::jansson)
inro_library(inro_fuzzoffice SOURCES fuzz/office.c LINKS inro_rest inro_testlib PkgConfig::jansson)
foreach(name api row)
	inro_fuzz(fuzz/fuzz_${name}.c CORPUS fuzz/corpus/${name} LINKS inro_fuzzoffice)
	target_link_options(fuzz_${name} PRIVATE -Wl,--wrap=rest_who,--wrap=store_commit,--wrap=fetch_run)
endforeach()
target_link_options(fuzz_row PRIVATE -Wl,--wrap=sql_field_load,--wrap=steady_find)
inro_script_test(integration/test_rest.sh TIMEOUT 600)
inro_script_test(integration/test_rest_hostile.sh TIMEOUT 900)
inro_script_test(integration/test_ocsp_page.sh)
inro_script_test(integration/test_serve_page.sh)
inro_library(inro_load SOURCES bench/load.c LINKS inro_bench inro_base PkgConfig::ssl PkgConfig::crypto)
inro_benchmark(bench/bench_serve.c LINKS inro_load inro_http SMOKE 0.05 2)
inro_benchmark(bench/bench_enrol.c LINKS inro_load inro_testoffice SMOKE 0.3 2)
add_dependencies(bench_enrol inro inro_pkcs11)
inro_script_test(integration/test_bench_enrol.sh)
