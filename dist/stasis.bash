# bash completion for stasis and its second name, criu
_stasis() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words
	case $prev in
	-D | --images-dir | -W | --work-dir | -r | --root | --freeze-cgroup)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur") ; return ;;
	-t | --tree)
		mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur") ; return ;;
	-o | --log-file | --pidfile | --action-script | --config | --address)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ; return ;;
	--feature)
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" check --feature list 2>/dev/null)" -- "$cur") ; return ;;
	esac
	case $cur in
	-*) words=$("${COMP_WORDS[0]}" --help 2>/dev/null | grep -o -E -e '--[a-z][a-z-]+' | sort -u) ;;
	*) words=$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  stasis \([a-z-]*\).*/\1/p') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _stasis stasis criu
