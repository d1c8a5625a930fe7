package devices

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/heddlehq/heddle/adapters/network"
)

// hostKeys are known_hosts lines; nil without any.
type hostKeys ssh.HostKeyCallback

// readKnownHosts reads known_hosts lines. The library reads files only.
func readKnownHosts(text string) (hostKeys, error) {
	if text == "" {
		return nil, nil
	}
	f, err := os.CreateTemp("", "known-hosts-*")
	if err != nil {
		return nil, fmt.Errorf("read /knownHosts: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read /knownHosts: %w", err)
	}
	check, err := knownhosts.New(f.Name())
	if err != nil {
		return nil, network.Wrong("/knownHosts must be lines of a known_hosts file: %s", strings.ReplaceAll(err.Error(), f.Name(), "line "))
	}
	return hostKeys(check), nil
}

// unknown is a key that no host has: asking for it tells which keys are known.
type unknown struct{}

func (unknown) Type() string                        { return "none" }
func (unknown) Marshal() []byte                     { return nil }
func (unknown) Verify([]byte, *ssh.Signature) error { return errors.New("this key verifies nothing") }

// algorithms lists those of the keys that are known for an address, so that the device shows
// one of these; nil when any will do.
func (k hostKeys) algorithms(address string) []string {
	if k == nil {
		return nil
	}
	wanted, ok := errors.AsType[*knownhosts.KeyError](k(address, &net.TCPAddr{}, unknown{}))
	if !ok {
		return nil
	}
	var out []string
	for _, w := range wanted.Want {
		names := []string{w.Key.Type()}
		if w.Key.Type() == ssh.KeyAlgoRSA {
			names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
		}
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// checkHostKey decides whether a key is the device's: by its fingerprint if it has one, else by
// the known hosts.
func (n *Network) checkHostKey(t Target, host string, remote net.Addr, key ssh.PublicKey) error {
	refuse := func(why string) error {
		return network.Refused("%s shows the host key %s %s, which %s", host, key.Type(), ssh.FingerprintSHA256(key), why)
	}
	switch {
	case t.Fingerprint != "":
		if strings.TrimRight(t.Fingerprint, "=") != ssh.FingerprintSHA256(key) {
			return refuse("does not have the device's fingerprint: someone may be in between")
		}
		return nil
	case n.keys != nil:
		err := n.keys(host, remote, key)
		wanted, ok := errors.AsType[*knownhosts.KeyError](err)
		switch {
		case ok && len(wanted.Want) == 0:
			return refuse("is not known: add it to /knownHosts if it is the device's")
		case ok:
			return refuse("is not the one in /knownHosts: someone may be in between")
		case err != nil:
			return refuse("is not accepted: " + err.Error())
		}
		return nil
	case n.InsecureHostKeys:
		return nil
	}
	return refuse("is not known")
}

func checkFingerprint(text string) error {
	if text == "" {
		return nil
	}
	hash, ok := strings.CutPrefix(strings.TrimRight(text, "="), "SHA256:")
	if sum, err := base64.RawStdEncoding.DecodeString(hash); !ok || err != nil || len(sum) != 32 {
		return errors.New("must be as ssh-keygen -l prints it, SHA256: and 43 letters")
	}
	return nil
}
