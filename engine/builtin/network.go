package builtin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Network says what tasks may reach. The zero Network reaches public addresses only.
type Network struct {
	Allow   []netip.Prefix // ranges that are reached although they are not public
	Timeout time.Duration  // of a whole call; 0 means 30 seconds
	Size    int64          // largest answer in bytes; 0 means 8 MiB
}

// special are ranges that netip does not tell apart from public ones: shared address space,
// protocol assignments, tests, benchmarks, the future, and IPv4 inside IPv6.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Allows tells whether tasks may reach an address: it is public, or allowed.
func (n *Network) Allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range n.Allow {
		if p.Contains(addr) {
			return true
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false // also loopback, link-local with the metadata services, multicast
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// control checks the address that is really connected to, after every name was resolved.
func (n *Network) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if !n.Allows(at.Addr()) {
		return &problem{class: classInput, text: fmt.Sprintf("the address %s may not be reached: it is not public", at.Addr())}
	}
	return nil
}

// maxRedirects is how many redirections a call follows.
const maxRedirects = 5

// client makes calls within n. It keeps no connections, so that each one is checked.
func (n *Network) client() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: n.control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  n.timeout(),
			MaxResponseHeaderBytes: 1 << 20,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirections", maxRedirects)
			}
			if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				return errors.New("a redirection to something other than http or https")
			}
			return nil
		},
	}
}

func (n *Network) timeout() time.Duration {
	if n.Timeout > 0 {
		return n.Timeout
	}
	return 30 * time.Second
}

func (n *Network) size() int64 {
	if n.Size > 0 {
		return n.Size
	}
	return 8 << 20
}

// within bounds a call in time.
func (n *Network) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, n.timeout())
}
