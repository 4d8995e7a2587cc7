# tests of base
inro_library(inro_testlib SOURCES lib/scratch.c)

inro_test(unit/test_db.c LINKS inro_db inro_testlib)
