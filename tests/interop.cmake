# Programs of others on the module, as their users call them; docs/howto/ says how.
function(inro_interop name)
	inro_script_test(interop/test_interop_${name}.sh LABELS interop ${ARGN})
endfunction()

inro_interop(opensc)
inro_interop(engine)
# The agent of OpenSSH drops LD_PRELOAD, which a sanitizer's library needs; GnuTLS and NSS do not run with one.
if(NOT INRO_SANITIZE)
	inro_interop(ssh)
	inro_interop(nss)
	inro_interop(gnutls)
endif()
