# tests of base
inro_library(inro_testlib SOURCES lib/scratch.c)

inro_test(unit/test_db.c LINKS inro_db inro_testlib)
inro_test(unit/test_uri.c LINKS inro_cryptoki inro_testlib)
inro_fuzz(fuzz/fuzz_uri.c CORPUS fuzz/corpus/uri LINKS inro_cryptoki)
inro_fuzz(fuzz/fuzz_der.c CORPUS fuzz/corpus/der)
