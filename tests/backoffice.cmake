# tests of backoffice
inro_test(store/test_store_contract.c LINKS inro_store inro_testlib LABELS store)
inro_test(store/test_store_open.c LINKS inro_store inro_testlib LABELS store)
