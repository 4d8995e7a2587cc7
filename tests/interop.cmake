# Programs of others on the module, as their users call them; docs/howto/ says how.
function(inro_interop name)
	inro_script_test(interop/test_interop_${name}.sh LABELS interop ${ARGN})
endfunction()

inro_interop(opensc)
inro_interop(engine)
if(NOT INRO_SANITIZE) # the agent drops LD_PRELOAD, which a sanitizer's library needs
	inro_interop(ssh)
	inro_interop(nss)
endif()
