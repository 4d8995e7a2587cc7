# tests of pkcs11
inro_test(unit/test_keyder.c LINKS inro_pkey)
inro_test(unit/test_pkey.c LINKS inro_pkey)
