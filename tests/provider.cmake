# tests of provider
inro_script_test(integration/test_provider_store.sh)
inro_script_test(integration/test_provider_commands.sh TIMEOUT 300)
inro_script_test(integration/test_provider_tls.sh)
inro_script_test(integration/test_provider_harmless.sh TIMEOUT 300)
