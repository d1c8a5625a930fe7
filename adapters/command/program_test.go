package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The test's own program is the one that is run: called as "program" it does what its next
// argument says, called by the name ansible-playbook it plays that.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "ansible-playbook":
		playbook()
	case len(os.Args) > 2 && os.Args[1] == "program":
		program(os.Args[2], os.Args[3:])
	default:
		os.Exit(m.Run())
	}
}

func program(what string, args []string) {
	switch what {
	case "show":
		dir, _ := os.Getwd()
		stdin, _ := io.ReadAll(os.Stdin)
		files := map[string]string{}
		names, _ := os.ReadDir(".")
		for _, n := range names {
			data, _ := os.ReadFile(n.Name())
			files[n.Name()] = string(data)
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"args": args, "env": os.Environ(), "dir": dir, "stdin": string(stdin), "files": files})
	case "exit":
		fmt.Println("half done")
		fmt.Fprintln(os.Stderr, "warning\nno such customer")
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	case "steps":
		for _, line := range args {
			fmt.Println(line)
		}
	case "spam":
		for {
			if _, err := fmt.Println(strings.Repeat("x", 1000)); err != nil {
				os.Exit(1)
			}
		}
	case "stay": // deaf to friendly words, with a child that is, too
		signal.Ignore(syscall.SIGTERM)
		child := exec.Command(os.Args[0], "program", "report", args[0])
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
		_ = child.Wait()
	case "leave": // ends at once, but not its child
		child := exec.Command(os.Args[0], "program", "report", args[0])
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Println("gone")
	case "report": // connects to the test, and thereby shows how long it lives
		signal.Ignore(syscall.SIGTERM)
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			os.Exit(1)
		}
		fmt.Fprintln(conn, "here")
		_, _ = io.Copy(io.Discard, conn)
	}
}

// playbook plays ansible-playbook: the playbook's text says what it does.
func playbook() {
	args := os.Args[1:]
	text, err := os.ReadFile(args[len(args)-1])
	if err != nil {
		os.Exit(1)
	}
	read := map[string]string{}
	for _, a := range args {
		for _, option := range []string{"--extra-vars=@", "--inventory="} {
			if path, ok := strings.CutPrefix(a, option); ok {
				data, _ := os.ReadFile(path)
				read[option] = string(data)
			}
		}
	}
	code, mode, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if mode == "plain" {
		fmt.Println("PLAY [all] ***")
		os.Exit(0)
	}
	n, _ := strconv.Atoi(code)
	counts := map[string]any{"ok": 2, "changed": 1, "failures": 0, "unreachable": 0}
	switch n {
	case 2:
		counts["failures"] = 1
	case 4:
		counts["unreachable"] = 1
	}
	fmt.Println("[WARNING]: something {odd}")
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"stats": map[string]any{"web1": counts}, "plays": []any{map[string]any{"args": args, "read": read, "callback": os.Getenv("ANSIBLE_STDOUT_CALLBACK")}},
	})
	os.Exit(n)
}
