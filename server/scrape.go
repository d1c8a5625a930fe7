package server

import (
	"net/http"
	"net/netip"

	"github.com/heddlehq/heddle/workflows/value"
)

// scrape is the operation that answers metrics. A process on the server's own machine needs no
// session for it.
const scrape = "getMetrics"

// fromHere tells whether a request comes from this machine and was not passed on by a proxy.
func fromHere(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	ip, err := netip.ParseAddr(address(r))
	return err == nil && ip.Unmap().IsLoopback()
}

// getMetrics answers the metrics of this server in the text form of Prometheus.
func getMetrics(c *call) (value.Value, error) {
	if c.Metrics == nil {
		return value.Absent, refuse(missing, "this server keeps no metrics")
	}
	c.Metrics.Handler().ServeHTTP(c.Response(), c.Request())
	return value.Absent, nil
}
