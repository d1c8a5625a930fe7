package server

import (
	"net/http"
	"strconv"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/audit"
	"github.com/heddlehq/heddle/workflows/value"
)

// listAudit lists entries of the audit log, newest first.
func listAudit(c *call) (value.Value, error) {
	q, err := c.list(shape{
		collection: store.Audit, plain: []string{"action", "outcome", "target", "who"}, sort: []store.Order{{Field: store.ID, Desc: true}},
	})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Audit, q, nil)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved audit entries"), nil
}

// exportAudit writes the whole log as lines that audit.VerifyExport can check.
func exportAudit(c *call) (value.Value, error) {
	c.Response().Header().Set("Content-Type", "application/x-ndjson")
	c.Response().Header().Set("Content-Disposition", `attachment; filename="audit.jsonl"`)
	c.Response().WriteHeader(http.StatusOK)
	return value.Absent, c.books.log.Export(c.Request().Context(), c.Response(), audit.Query{})
}

// verifyAudit walks the chain, through the link noted earlier when the query names one.
func verifyAudit(c *call) (value.Value, error) {
	var noted []audit.Anchor
	if hash := c.QueryParam("hash"); hash != "" || c.QueryParam("seq") != "" {
		seq, err := strconv.ParseInt(c.QueryParam("seq"), 10, 64)
		if err != nil || seq < 1 || hash == "" {
			return value.Absent, badQuery("seq", "a link noted earlier has a number from 1 on as seq, and a hash.")
		}
		noted = append(noted, audit.Anchor{Seq: seq, Hash: hash})
	}
	r, err := c.books.log.Verify(c.Request().Context(), noted...)
	if err != nil {
		return value.Absent, err
	}
	broken := value.Null
	if r.Broken != nil {
		broken = value.Object("seq", value.Int(r.Broken.Seq), "id", value.String(r.Broken.ID), "message", value.String(r.Broken.Text))
	}
	message := "The chain is whole"
	if r.Broken != nil {
		message = "The chain is broken"
	}
	return enveloped(message, value.Object("links", value.Int(r.Links), "broken", broken,
		"head", value.Object("seq", value.Int(r.Head.Seq), "hash", value.String(r.Head.Hash)))), nil
}
