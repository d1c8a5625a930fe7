// Command serve runs a stand-in for a MongoDB replica set in front of a
// server that speaks the protocol but has no transactions:
//
//	serve 127.0.0.1:27018 127.0.0.1:27017
//
// answers on the first address with the help of the second, until it is
// interrupted.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/heddlehq/heddle/engine/store/mongostore/standin"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: serve ADDRESS UPSTREAM")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	s, err := standin.Serve(listener, args[1], standin.Options{})
	if err != nil {
		return err
	}
	fmt.Println("ready on", s.Addr())
	<-ctx.Done()
	return s.Close()
}
