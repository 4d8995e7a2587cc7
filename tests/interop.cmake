# Programs of others on the module, as their users call them; docs/howto/ says how.
function(inro_interop name)
	inro_script_test(interop/test_interop_${name}.sh LABELS interop ${ARGN})
endfunction()

inro_interop(opensc)
inro_interop(engine)
inro_interop(tpm)
inro_interop(tpm_attest)
# The agent of OpenSSH drops LD_PRELOAD, which a sanitizer's library needs; GnuTLS, NSS and Java do not run with one,
# and a bare Debian 13 has none.
if(NOT INRO_SANITIZE)
	inro_interop(debian13 TIMEOUT 900)
	inro_interop(ssh)
	inro_interop(nss)
	inro_interop(foreign)
	inro_interop(gnutls)
	inro_interop(java)
endif()
option(INRO_TEST_NPM "run the test with Node, which fetches a package with npm" ON)
if(INRO_TEST_NPM AND NOT INRO_SANITIZE)
	inro_interop(node)
endif()
