# Bash completion for sallyport.
_sallyport()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i
	local command=${COMP_WORDS[1]:-}

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "run policy audit doctor --help --version" -- "$current")
		return
	fi
	case $command in
	run)
		# Behind the options it is the command's own business.
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--)
				_command_offset $((i + 1))
				return
				;;
			-p | --policy | -a | --audit | -e | --env | --audit-size | --audit-keep) i=$((i + 1)) ;;
			-*) ;;
			*)
				_command_offset "$i"
				return
				;;
			esac
		done
		case $previous in
		-p | --policy | -a | --audit)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
			;;
		-e | --env)
			mapfile -t COMPREPLY < <(compgen -v -- "$current")
			return
			;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "-p --policy -e --env -a --audit --audit-size --audit-keep --help --" -- "$current")
		;;
	policy)
		if [ "$COMP_CWORD" = 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "check explain schema --help" -- "$current")
		elif [[ $current == -* ]] && [ "${COMP_WORDS[2]}" = check ]; then
			mapfile -t COMPREPLY < <(compgen -W "--help" -- "$current")
		elif [ "${COMP_WORDS[2]}" = explain ] && [ "$previous" != -p ] && [ "$previous" != --policy ]; then
			mapfile -t COMPREPLY < <(compgen -W "-p --policy --help GET HEAD POST PUT PATCH DELETE OPTIONS tcp:// udp://" -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		fi
		;;
	audit)
		if [ "$COMP_CWORD" = 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "verify tail query export --help" -- "$current")
		elif [[ $current == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "-f --follow -n --lines --kind --denied --sandbox --utc --expect --expect-lines --after --all --partial --verdict --host --rule --secret --since --until --json --format --sound --help" -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		fi
		;;
	doctor)
		mapfile -t COMPREPLY < <(compgen -W "--help" -- "$current")
		;;
	esac
}
complete -o filenames -F _sallyport sallyport
