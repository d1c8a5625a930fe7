// Heddle is a self-hosted workflow engine for network, IT and identity automation.
package main

import (
	"os"

	"github.com/heddlehq/heddle/server/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
