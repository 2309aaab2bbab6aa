# cmake -DNPM=... -DFOLDER=... -P fetch.cmake: the packages of the lock in FOLDER, or a word on what to do.
execute_process(
  COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
  WORKING_DIRECTORY ${FOLDER}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "The dashboard's packages did not come; npm said why above. "
                      "-DLEAKD_WEB=OFF builds leakd without the dashboard.")
endif()
file(TOUCH ${FOLDER}/stamp)
