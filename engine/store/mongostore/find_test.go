package mongostore_test

import (
	"testing"

	"github.com/heddlehq/heddle/engine/store/mongostore"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

func TestFind_likeMemstore(t *testing.T) {
	storetest.Alike(t, closing(t, open(t, mongostore.Options{Collections: storetest.Collections})), 150)
}
