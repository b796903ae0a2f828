# Completion of tsct for bash: verbs from `tsct help`, names from `tsct list -q`. Source it, or put it into
# /usr/share/bash-completion/completions/tsct.

_tsct_verbs() {
  # once a shell: asking costs as much as running any verb
  [ -n "${_tsct_verb_cache-}" ] || _tsct_verb_cache=$(tsct help 2>/dev/null | awk '
    /^(TOPICS|COMMANDS)/ { listed = 1; next }
    /^[A-Z]/ { listed = 0 }
    listed && /^  [a-z]/ { print $1 }' | sort -u)
  printf '%s\n' "$_tsct_verb_cache"
}

_tsct() {
  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]-} choices= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    # after `exec NAME --` it is the guest's business
    [ "${COMP_WORDS[i]}" != -- ] || return 0
  done
  if [ "$COMP_CWORD" = 1 ]; then
    choices=$(_tsct_verbs)
  elif [[ $word == -* ]]; then
    choices=$(tsct help "$verb" 2>/dev/null | grep -oE '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u)
  else
    case $verb in
      create | check | help | list | ls) [ "$verb" != help ] || choices=$(_tsct_verbs) ;;
      config)
        if [ "$COMP_CWORD" = 2 ]; then choices="get set unset show edit"; else choices=$(tsct list -q 2>/dev/null); fi
        ;;
      snapshot)
        if [ "$COMP_CWORD" = 2 ]; then choices="create list restore delete rename run-schedules"; else choices=$(tsct list -q 2>/dev/null); fi
        ;;
      port)
        if [ "$COMP_CWORD" = 2 ]; then choices="add remove list"; else choices=$(tsct list -q 2>/dev/null); fi
        ;;
      volume) [ "$COMP_CWORD" != 2 ] || choices="create list snapshot destroy" ;;
      cp)
        mapfile -t COMPREPLY < <(compgen -f -- "$word"; compgen -S : -W "$(tsct list -q 2>/dev/null)" -- "$word")
        return 0
        ;;
      *) choices=$(tsct list -q 2>/dev/null) ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -F _tsct tsct
