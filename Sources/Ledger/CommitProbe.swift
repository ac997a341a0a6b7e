// A batch as it is sent to Postgres, without sending it: for whoever measures it. No committer uses it.

internal import Postgres
package import Promising

/// Packs batches.
package enum CommitProbe {
    /// The bytes of the parameters of commit_batch.
    package static func bytes(of requests: [CommitRequest]) -> [UInt8] {
        let batch = CommitBatch(requests: requests)
        return EncodedParameters(batch.parameters(), for: batch.statement).bytes
    }
}
