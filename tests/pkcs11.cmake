# tests of pkcs11
