# The module against PKCS#11 3.2, chapter by chapter; docs/conformance.md says which clause is tested where.
inro_library(inro_anymech SOURCES lib/anymech.c lib/walked.c LINKS inro_moduletest)
foreach(chapter general keys mech objects ops sessions)
	inro_test(unit/test_conformance_${chapter}.c LINKS inro_anymech inro_moduletest LABELS conformance
		TIMEOUT 900)
	add_dependencies(test_conformance_${chapter} inro_pkcs11)
endforeach()
# its C_GetFunctionList is in the module's way
set_target_properties(test_conformance_general PROPERTIES ENABLE_EXPORTS ON)
inro_script_test(docs/test_conformance_page.sh LABELS conformance)
