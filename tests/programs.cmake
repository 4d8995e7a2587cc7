# Programs that use OpenSSL, with keys by the provider, as docs/howto/ tells their users.
function(inro_program_test name)
	inro_script_test(interop/test_program_${name}.sh LABELS program ${ARGN})
endfunction()

# These programs are not ours to build: a sanitizer's runtime has no place in them.
if(NOT INRO_SANITIZE)
	inro_program_test(apache TIMEOUT 120)
	inro_program_test(haproxy TIMEOUT 120)
	inro_program_test(stunnel TIMEOUT 120)
	inro_program_test(nginx TIMEOUT 120)
	inro_tpm_script_test(interop/test_program_nginx.sh TPM libtpms LABELS program TIMEOUT 120)
endif()

if(NOT INRO_SANITIZE)
	foreach(name mosquitto openvpn postgresql python)
		inro_program_test(${name})
	endforeach()
	inro_tpm_script_test(interop/test_program_mosquitto.sh TPM libtpms LABELS program)
endif()
