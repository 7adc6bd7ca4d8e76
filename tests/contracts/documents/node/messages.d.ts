/**
 * Any message between the telephony platform and the activation worker.
 *
 * Each message is a definition of its own: `#/$defs/Activate`.
 */
export type Message =
  | Activate
  | Deactivate
  | Report
  | StatusChanged
  | CommandRejected
  | OperationDelayed
  | OperationFailed
  | OperationAftermath
  | Previewed
  | Snapshot
  | ManualLogoutRequired
  | EntitlementExceeded
  | EntitlementRestored
  | DirectoryConflict
  | HandsetLogout
  | HuntGroupMembership
  | ExtensionReset
  | PbxResult
  | VoiceService
  | PhoneNumberChange
  | CallSettings
  | HuntGroupMember
  | HandsetLogin
  | MessageUnreadable;
/**
 * The id of a message: not empty, at most 255 bytes of UTF-8.
 */
export type Identifier = string;
/**
 * A CloudEvents source: a URI reference without white space and control characters.
 */
export type Source = string;
/**
 * A moment in the form of RFC 3339, with a zone.
 */
export type Timestamp = string;
/**
 * A phone number in E.164 form: a plus sign and 7 to 15 digits.
 */
export type PhoneNumber = string;
/**
 * The platform's id of an account, an operator's or an occupier's.
 */
export type AccountId = string;
/**
 * The platform's id of a site (a building).
 */
export type SiteId = string;
/**
 * The status of a phone number.
 *
 * - `AVAILABLE`: Provisioned at the site, not allocated to an account.
 * - `RESERVED`: Allocated to an account, not in use.
 * - `PENDING`: An activation or deactivation is under way; the number must not be edited.
 * - `ACTIVE`: In use; consumes one voice service.
 * - `COOLDOWN`: Resting after it left an account.
 */
export type NumberStatus = "AVAILABLE" | "RESERVED" | "PENDING" | "ACTIVE" | "COOLDOWN";
/**
 * What changed the status of a number.
 *
 * - `activate`: An activation.
 * - `deactivate`: A deactivation.
 * - `directory`: The platform's records: a directory message or an import.
 */
export type ChangedBy = "activate" | "deactivate" | "directory";
/**
 * A part of an operation that a PBX carries out.
 *
 * - `activation`: The PBX's own provisioning of the number.
 * - `hunt_group_membership`: The number joins or leaves a hunt group.
 * - `handset_logout`: The number is logged out of a digital handset.
 * - `extension_reset`: The features of the extension are cleared, and its PIN is the default again.
 */
export type Step = "activation" | "hunt_group_membership" | "handset_logout" | "extension_reset";
/**
 * What completes a step: the broker's `confirm` of the message, or a `result` of the PBX.
 */
export type CompletedBy = "confirm" | "result";
/**
 * What happens if an operation is not completed at its deadline.
 *
 * - `back_to_reserved`: The activation fails, and its voice service is free again.
 * - `needs_a_person`: The number stays as it is, and an operator must decide.
 */
export type AtDeadline = "back_to_reserved" | "needs_a_person";
/**
 * Why an operation ended without success, or needs an operator.
 *
 * - `PBX_REFUSED`: The PBX answered a step with `refused`.
 * - `ATTEMPTS_EXHAUSTED`: The PBX answered the last allowed attempt with `retry_later`.
 * - `DEADLINE_PASSED`: The steps were not done at the deadline.
 * - `GIVEN_UP`: An operator gave up.
 */
export type FailureCode = "PBX_REFUSED" | "ATTEMPTS_EXHAUSTED" | "DEADLINE_PASSED" | "GIVEN_UP";
/**
 * The kind of a device.
 *
 * - `digital`: A handset that a PBX can log out remotely.
 * - `analogue`: A handset that a person must log out by hand.
 * - `softphone`: A program that a person must log out by hand.
 */
export type DeviceKind = "digital" | "analogue" | "softphone";
/**
 * The operation that a command requests.
 *
 * - `activate`: Put a RESERVED number into use.
 * - `deactivate`: Take an ACTIVE number out of use, and clear its settings.
 */
export type Operation = "activate" | "deactivate";
/**
 * Stable codes for programs. The first code that applies is given.
 *
 * - `COMMAND_ID_REUSED`: The command id was used before with different content.
 * - `COMMAND_EXPIRED`: The worker read the command after its expiry time.
 * - `NUMBER_UNKNOWN`: The number is not provisioned.
 * - `SITE_MISMATCH`: The number belongs to another site.
 * - `NUMBER_NOT_ALLOCATED`: No account holds the number.
 * - `ACCOUNT_MISMATCH`: Another account holds the number.
 * - `NUMBER_NOT_RESERVED`: Only a RESERVED number can be activated.
 * - `NUMBER_NOT_ACTIVE`: Only an ACTIVE number can be deactivated.
 * - `NUMBER_ASSIGNED`: The number is assigned to a person.
 * - `ENTITLEMENT_EXHAUSTED`: No voice service is free.
 */
export type RefusalCode =
  | "COMMAND_ID_REUSED"
  | "COMMAND_EXPIRED"
  | "NUMBER_UNKNOWN"
  | "SITE_MISMATCH"
  | "NUMBER_NOT_ALLOCATED"
  | "ACCOUNT_MISMATCH"
  | "NUMBER_NOT_RESERVED"
  | "NUMBER_NOT_ACTIVE"
  | "NUMBER_ASSIGNED"
  | "ENTITLEMENT_EXHAUSTED";
/**
 * What an operation that has ended left to do.
 *
 * - `hunt_group_join`: The number is ACTIVE and in use, and has to join a hunt group.
 * - `compensation`: The activation failed, and the extension has to be reset: the PBX may have set it up.
 */
export type AftermathKind = "hunt_group_join" | "compensation";
/**
 * How far an aftermath is. After `done`, `given_up` and `superseded` nothing follows.
 *
 * - `outstanding`: It takes longer than expected; the worker asks the PBX again.
 * - `needs_a_person`: An operator must decide.
 * - `done`: Nothing is left to do.
 * - `given_up`: An operator gave up.
 * - `superseded`: A later operation of the number began, and does what is needed; or the number left the account, or was taken out of the hunt group by hand, and nothing is needed.
 */
export type AftermathState = "outstanding" | "needs_a_person" | "done" | "given_up" | "superseded";
/**
 * What would become of a command that was previewed.
 *
 * - `be_accepted`: It would be carried out; or it was accepted before, and a repeat has no second effect.
 * - `be_refused`: It would be refused, or it was refused before.
 */
export type Would = "be_accepted" | "be_refused";
/**
 * Why the number must be logged out: it was `deactivated`.
 */
export type LogoutReason = "deactivated";
/**
 * The desired state: `add` makes the number a member, `remove` makes it none.
 */
export type MembershipAction = "add" | "remove";
/**
 * An account at a site: `account_id/site_id`.
 */
export type AccountAtSite = string;
/**
 * The kinds of records, in the order in which an import stores them.
 *
 * - `voice_service`: A voice service that an account has bought for a site.
 * - `phone_number`: A provisioned number.
 * - `call_settings`: Where the calls of a main number go.
 * - `hunt_group_member`: A number that is a member of a hunt group.
 * - `handset_login`: A device at which a number is logged in.
 */
export type RecordKind =
  "voice_service" | "phone_number" | "call_settings" | "hunt_group_member" | "handset_login";
/**
 * Why a directory message was not applied.
 *
 * - `NUMBER_IN_USE`: It would take an ACTIVE number away: by another account or site, by none, by COOLDOWN, or by its deletion.
 * - `STATUS_NOT_ALLOWED`: The platform does not make this change of the status.
 * - `SECOND_MAIN_NUMBER`: The account has another main number at the site.
 * - `MAIN_NUMBER_IS_LOGGED_IN`: A main number is never logged in to a device.
 * - `MEMBER_OF_ITS_OWN_GROUP`: A main number is never a member of its own hunt group.
 */
export type ConflictCode =
  | "NUMBER_IN_USE"
  | "STATUS_NOT_ALLOWED"
  | "SECOND_MAIN_NUMBER"
  | "MAIN_NUMBER_IS_LOGGED_IN"
  | "MEMBER_OF_ITS_OWN_GROUP";
/**
 * The result of a step, as the PBX reports it.
 *
 * - `done`: Carried out.
 * - `already`: The desired state existed before.
 * - `not_applicable`: Nothing to do: this PBX has no such member, device or extension.
 * - `retry_later`: Not possible now; send the message again.
 * - `refused`: Not possible; do not send the message again.
 */
export type StepResult = "done" | "already" | "not_applicable" | "retry_later" | "refused";
/**
 * The kind of an account.
 *
 * - `operator`: The landlord organisation.
 * - `occupier`: A tenant organisation.
 */
export type AccountKind = "operator" | "occupier";
/**
 * The name of a feature of an extension.
 */
export type FeatureName = string;
/**
 * A target to which a main number sends its calls.
 *
 * - `hunt_group`: The in-space hunt group of the number.
 * - `reception`: The reception.
 * - `voicemail`: Voicemail.
 * - `forward`: A number to which calls are forwarded.
 * - `none`: Nowhere.
 */
export type CallTarget = "hunt_group" | "reception" | "voicemail" | "forward" | "none";
/**
 * Why a message cannot be read. The first code that applies is given.
 *
 * - `CONTENT_TYPE_UNSUPPORTED`: The AMQP content type is not JSON. A missing content type is accepted.
 * - `BODY_TOO_LARGE`: The body has more than 65,536 bytes, before or after decompression.
 * - `CONTENT_ENCODING_INVALID`: The AMQP content encoding is neither gzip nor UTF-8, or the body is not gzip.
 * - `NOT_UTF8`: The body is not UTF-8.
 * - `NOT_JSON`: The body is not JSON; NaN and Infinity are not JSON either.
 * - `DUPLICATE_KEY`: A key occurs twice in one object, at any depth.
 * - `NESTED_TOO_DEEPLY`: The JSON is nested too deeply.
 * - `NOT_A_CLOUDEVENT`: The JSON is not an object, `specversion` is not "1.0" or missing in the body and in the headers, or `type` is not a string.
 * - `TYPE_UNKNOWN`: The `type` is none that this queue serves.
 * - `INVALID`: A field or attribute is missing, invalid or misspelt; the detail names it.
 */
export type ReadErrorCode =
  | "CONTENT_TYPE_UNSUPPORTED"
  | "BODY_TOO_LARGE"
  | "CONTENT_ENCODING_INVALID"
  | "NOT_UTF8"
  | "NOT_JSON"
  | "DUPLICATE_KEY"
  | "NESTED_TOO_DEEPLY"
  | "NOT_A_CLOUDEVENT"
  | "TYPE_UNKNOWN"
  | "INVALID";

/**
 * Activate a RESERVED number of the account; consumes one voice service at the site.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface Activate {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.activate.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: CommandData;
}
/**
 * The number, its account and site, and the requester.
 */
export interface CommandData {
  phone_number: PhoneNumber;
  /**
   * The account to which the number is allocated.
   */
  account_id: AccountId;
  /**
   * The site at which the number is provisioned.
   */
  site_id: SiteId;
  /**
   * Who asks, for people. It comes back in `status_changed`, `operation_delayed`, `operation_failed` and `aftermath`.
   */
  requested_by?: string;
  /**
   * True: the worker says what the command would lead to, and does nothing.
   */
  preview?: boolean;
}
/**
 * Deactivate an ACTIVE, unassigned number; its settings are cleared permanently.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface Deactivate {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.deactivate.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: CommandData;
}
/**
 * Report the state of these numbers at `reply_to`; nothing changes.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface Report {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.report.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: ReportData;
}
/**
 * The numbers that are asked for: those to which all given fields apply; give at least one.
 */
export interface ReportData {
  /**
   * This number.
   */
  phone_number?: PhoneNumber;
  /**
   * The numbers that this account holds.
   */
  account_id?: AccountId;
  /**
   * The numbers at this site.
   */
  site_id?: SiteId;
}
/**
 * A number changed its status.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface StatusChanged {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.status_changed.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: StatusChangedData;
}
/**
 * The new status. PENDING lists the awaited steps, RESERVED the cleared settings.
 */
export interface StatusChangedData {
  phone_number: PhoneNumber;
  /**
   * The account that holds the number, or that it has just left; null if no account held it.
   */
  account_id: AccountId | null;
  site_id: SiteId;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  /**
   * The new status.
   */
  status: NumberStatus | string;
  /**
   * The status before it.
   */
  previous_status: NumberStatus | string;
  /**
   * What changed the status.
   */
  operation: ChangedBy | string;
  /**
   * The id of the command, of the directory message, or of the import.
   */
  command_id: Identifier;
  /**
   * Who asked, as the command said; null if it did not.
   */
  requested_by: string | null;
  /**
   * Incremented by one with each status change of the number. Drop a `status_changed` that is not newer than the last one that you applied.
   */
  sequence: number;
  /**
   * The account's voice services after the change; null if no account holds the number any more.
   */
  entitlement: Entitlement | null;
  /**
   * On PENDING: when the operation began.
   */
  since?: Timestamp;
  /**
   * On PENDING: when the operation counts as overdue.
   */
  deadline?: Timestamp;
  /**
   * On PENDING: the steps that must be completed first.
   */
  awaiting?: AwaitedStep[];
  /**
   * On PENDING: what happens at the deadline if the operation is not completed.
   */
  at_deadline?: AtDeadline | string;
  /**
   * On ACTIVE and RESERVED: the aftermath, steps that are not done yet. The command has ended.
   */
  outstanding?: AwaitedStep[];
  /**
   * On RESERVED: the operation ended without success; its `operation_failed` ends the command.
   */
  failure?: FailureCode | string;
  /**
   * On RESERVED: the settings that were cleared.
   */
  settings_cleared?: string[];
  /**
   * On RESERVED: the PIN is the default again.
   */
  pin_reset?: boolean;
  /**
   * On RESERVED: the devices at which the number must be logged out by hand.
   */
  manual_logout?: ManualLogout[];
}
/**
 * The voice services of an account at a site: bought, and in use.
 */
export interface Entitlement {
  /**
   * The sum of the quantities in force today.
   */
  limit: number;
  /**
   * Numbers that are ACTIVE; each consumes a voice service.
   */
  active: number;
  /**
   * Numbers whose activation or deactivation is under way; each consumes a voice service.
   */
  pending: number;
}
/**
 * A step that is not done yet, and what completes it.
 */
export interface AwaitedStep {
  /**
   * The part of the operation.
   */
  step: Step | string;
  /**
   * The id of the message that requests the step; a PBX result names it.
   */
  operation_id: Identifier;
  /**
   * What completes the step.
   */
  waits_for: CompletedBy | string;
  /**
   * When the message was first sent; null if it is unsent.
   */
  since: Timestamp | null;
  /**
   * The number of the attempt, from 1.
   */
  attempt: number;
  /**
   * The attempt at which a `retry_later` ends the step as failed. Each attempt that stays silent raises it by one: silence uses up no attempt. Null: no limit.
   */
  attempts_maximum: number | null;
}
/**
 * A device that cannot be logged out remotely.
 */
export interface ManualLogout {
  /**
   * The platform's id of the device.
   */
  device_id: string;
  /**
   * The kind of the device.
   */
  device_kind: DeviceKind | string;
}
/**
 * A command was refused.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface CommandRejected {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.command_rejected.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: CommandRejectedData;
}
/**
 * Why a command was refused. The number is unchanged.
 */
export interface CommandRejectedData {
  /**
   * The id of the command.
   */
  command_id: Identifier;
  /**
   * The operation that the command requested.
   */
  operation: Operation | string;
  /**
   * The number, as the command named it.
   */
  phone_number: PhoneNumber;
  /**
   * The account, as the command named it.
   */
  account_id: AccountId;
  /**
   * The site, as the command named it.
   */
  site_id: SiteId;
  /**
   * Why the command was refused, for programs.
   */
  code: RefusalCode | string;
  /**
   * The reason, for people; on ENTITLEMENT_EXHAUSTED with the arithmetic.
   */
  message: string;
  /**
   * The status of the number; null where it does not apply.
   */
  status: NumberStatus | string | null;
  /**
   * The account's voice services; null where they do not apply.
   */
  entitlement: Entitlement | null;
  /**
   * On ENTITLEMENT_EXHAUSTED: the first numbers that use the services, up to 20, in the order of the numbers.
   */
  holders?: ServiceHolder[];
}
/**
 * A number of the account at the site that is ACTIVE or PENDING: it uses a voice service.
 */
export interface ServiceHolder {
  phone_number: PhoneNumber;
  /**
   * Its status: ACTIVE or PENDING.
   */
  status: NumberStatus | string;
}
/**
 * An operation is late and has not failed yet. Published once, and again after a retry.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface OperationDelayed {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.operation_delayed.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: OperationDelayedData;
}
/**
 * The steps that a late operation waits for, and what happens at the deadline.
 */
export interface OperationDelayedData {
  phone_number: PhoneNumber;
  account_id: AccountId;
  site_id: SiteId;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  /**
   * The status that the event is about.
   */
  status: NumberStatus | string;
  /**
   * What the command requested.
   */
  operation: Operation | string;
  /**
   * The id of the command that requested the operation.
   */
  command_id: Identifier;
  /**
   * Who asked, as the command said; null if it did not.
   */
  requested_by: string | null;
  /**
   * The sequence of the status that the event is about. It is no reason to drop the event: recognise a repeat by its `id`.
   */
  sequence: number;
  /**
   * When the operation began.
   */
  since: Timestamp;
  /**
   * When the operation counts as overdue.
   */
  deadline: Timestamp;
  /**
   * The steps that are not done yet.
   */
  awaiting: AwaitedStep[];
  /**
   * What happens at the deadline if the operation is not completed.
   */
  at_deadline: AtDeadline | string;
  /**
   * What the operation waits for and what happens next, for people.
   */
  message: string;
}
/**
 * An operation ended without success, or needs an operator's decision.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface OperationFailed {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.operation_failed.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: OperationFailedData;
}
/**
 * The reason, the failed step, and the resulting status of the number.
 */
export interface OperationFailedData {
  phone_number: PhoneNumber;
  account_id: AccountId;
  site_id: SiteId;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  /**
   * The status that the event is about.
   */
  status: NumberStatus | string;
  /**
   * What the command requested.
   */
  operation: Operation | string;
  /**
   * The id of the command that requested the operation.
   */
  command_id: Identifier;
  /**
   * Who asked, as the command said; null if it did not.
   */
  requested_by: string | null;
  /**
   * The sequence of the status that the event is about. It is no reason to drop the event: recognise a repeat by its `id`.
   */
  sequence: number;
  /**
   * When the operation began.
   */
  since: Timestamp;
  /**
   * Why the operation failed, or needs an operator.
   */
  code: FailureCode | string;
  /**
   * The step that failed; null if no step in particular failed.
   */
  step: Step | string | null;
  /**
   * The PBX's own code; null if it gave none.
   */
  pbx_code: string | null;
  /**
   * What happened, for people.
   */
  detail: string;
  /**
   * True: the operation waits for an operator to run `activation-worker resolve`.
   */
  needs_a_person: boolean;
  /**
   * The account's voice services after the failure.
   */
  entitlement: Entitlement;
}
/**
 * An operation that has ended left something to do: the news of that, up to its last word.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface OperationAftermath {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.aftermath.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: OperationAftermathData;
}
/**
 * What an ended operation left to do, how far that is, and why.
 */
export interface OperationAftermathData {
  phone_number: PhoneNumber;
  account_id: AccountId;
  site_id: SiteId;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  /**
   * The status that the event is about.
   */
  status: NumberStatus | string;
  /**
   * What the command requested.
   */
  operation: Operation | string;
  /**
   * The id of the command that requested the operation.
   */
  command_id: Identifier;
  /**
   * Who asked, as the command said; null if it did not.
   */
  requested_by: string | null;
  /**
   * The sequence of the status that the event is about. It is no reason to drop the event: recognise a repeat by its `id`.
   */
  sequence: number;
  /**
   * When the operation ended and its aftermath began.
   */
  since: Timestamp;
  /**
   * What is left to do.
   */
  what: AftermathKind | string;
  /**
   * How far it is.
   */
  state: AftermathState | string;
  /**
   * The steps that are not done; empty if nothing follows.
   */
  awaiting: AwaitedStep[];
  /**
   * Why an operator must decide, or gave up; null otherwise.
   */
  code: FailureCode | string | null;
  /**
   * The PBX's own code; null if it gave none.
   */
  pbx_code: string | null;
  /**
   * What is outstanding and what happens next, for people.
   */
  detail: string;
}
/**
 * The answer to a preview: what the command would lead to. Nothing has changed.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface Previewed {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.previewed.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: PreviewedData;
}
/**
 * How the command would be decided now, and what would follow if all goes well.
 */
export interface PreviewedData {
  /**
   * The id of the preview: that of its command.
   */
  command_id: Identifier;
  /**
   * The operation that the command requests.
   */
  operation: Operation | string;
  /**
   * The number, as the command names it.
   */
  phone_number: PhoneNumber;
  /**
   * The account, as the command names it.
   */
  account_id: AccountId;
  /**
   * The site, as the command names it.
   */
  site_id: SiteId;
  /**
   * What would become of the command.
   */
  would: Would | string;
  /**
   * Why the command would be refused; null if it would be accepted.
   */
  code: RefusalCode | string | null;
  /**
   * For people.
   */
  message: string;
  /**
   * The status that the number would reach. Of a refusal, what the refusal would say: the present status, or null. Null too if the command was accepted before: it changes nothing again.
   */
  status: NumberStatus | string | null;
  /**
   * After that; null where `status` is null.
   */
  entitlement: Entitlement | null;
  /**
   * What PBX systems would get, in this order. A later version may add types, with any `data`.
   */
  messages: (
    PreviewedHandsetLogout | PreviewedHuntGroupMembership | PreviewedExtensionReset | PreviewedOther
  )[];
  /**
   * On ENTITLEMENT_EXHAUSTED: as in the refusal.
   */
  holders?: ServiceHolder[];
  /**
   * Of a deactivation: the settings that would be cleared.
   */
  settings_cleared?: string[];
  /**
   * Of a deactivation: the devices at which a person would have to log the number out.
   */
  manual_logout?: ManualLogout[];
}
/**
 * A handset logout that a PBX would get.
 */
export interface PreviewedHandsetLogout {
  /**
   * Its type.
   */
  type: "telephony.handset.logout.v1";
  /**
   * Its routing key, which names the site.
   */
  routing_key: string;
  /**
   * Its payload, with the id of the command that would cause it.
   */
  data: HandsetLogoutData;
}
/**
 * The handset from which the number must be logged out.
 */
export interface HandsetLogoutData {
  phone_number: PhoneNumber;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  account_id: AccountId;
  /**
   * The site, which is also in the routing key.
   */
  site_id: SiteId;
  /**
   * The id of the command from which the message follows.
   */
  command_id: Identifier;
  /**
   * The sequence of the number's status. Ignore the message if it is lower than the one that you applied last.
   */
  sequence: number;
  /**
   * The platform's id of the handset.
   */
  device_id: string;
  /**
   * The kind of the device: digital, because no other can be logged out remotely.
   */
  device_kind: DeviceKind | string;
  /**
   * Why the number must be logged out.
   */
  reason: LogoutReason | string;
}
/**
 * A hunt group membership that a PBX would get.
 */
export interface PreviewedHuntGroupMembership {
  /**
   * Its type.
   */
  type: "telephony.hunt_group.membership.v1";
  /**
   * Its routing key, which names the site.
   */
  routing_key: string;
  /**
   * Its payload, with the id of the command that would cause it.
   */
  data: HuntGroupMembershipData;
}
/**
 * The hunt group, and whether the number is a member.
 */
export interface HuntGroupMembershipData {
  phone_number: PhoneNumber;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  account_id: AccountId;
  /**
   * The site, which is also in the routing key.
   */
  site_id: SiteId;
  /**
   * The id of the command from which the message follows.
   */
  command_id: Identifier;
  /**
   * The sequence of the number's status. Ignore the message if it is lower than the one that you applied last.
   */
  sequence: number;
  /**
   * The platform's id of the hunt group.
   */
  hunt_group_id: string;
  /**
   * Whether the number is a member.
   */
  action: MembershipAction | string;
}
/**
 * An extension reset that a PBX would get.
 */
export interface PreviewedExtensionReset {
  /**
   * Its type.
   */
  type: "telephony.extension.reset.v1";
  /**
   * Its routing key, which names the site.
   */
  routing_key: string;
  /**
   * Its payload, with the id of the command that would cause it.
   */
  data: ExtensionResetData;
}
/**
 * The features that must be cleared; the PIN is reset to its default.
 */
export interface ExtensionResetData {
  phone_number: PhoneNumber;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  account_id: AccountId;
  /**
   * The site, which is also in the routing key.
   */
  site_id: SiteId;
  /**
   * The id of the command from which the message follows.
   */
  command_id: Identifier;
  /**
   * The sequence of the number's status. Ignore the message if it is lower than the one that you applied last.
   */
  sequence: number;
  /**
   * The names of the features to clear: all that an extension can have.
   */
  clear: string[];
  /**
   * Reset the PIN to its default.
   */
  reset_pin: true;
}
/**
 * A message of a type that a later version adds. Show its type, or ignore it.
 */
export interface PreviewedOther {
  /**
   * Its type.
   */
  type: string;
  /**
   * Its routing key, which names the site.
   */
  routing_key: string;
  /**
   * Its payload.
   */
  data: {
    [k: string]: unknown | undefined;
  };
}
/**
 * A page of numbers as they were at one moment: the answer to a report, or republished.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface Snapshot {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.phone_number.snapshot.v1";
  /**
   * The phone number, if one was asked for.
   */
  subject?: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the report; absent when an operator republishes.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`, if both were asked for.
   */
  partitionkey?: string;
  data: SnapshotData;
}
/**
 * One page of the numbers, in their order; all pages show one moment.
 */
export interface SnapshotData {
  /**
   * The number that was asked for; null: any.
   */
  phone_number: PhoneNumber | null;
  /**
   * The account whose numbers were asked for; null: any.
   */
  account_id: AccountId | null;
  /**
   * The site whose numbers were asked for; null: any.
   */
  site_id: SiteId | null;
  /**
   * The numbers of this page; empty if there is no such number.
   *
   * @maxItems 100
   */
  numbers: ReportedNumber[];
  /**
   * The voice services of the account at the site, if the numbers of one account at one site were asked for; null otherwise.
   */
  entitlement: Entitlement | null;
  /**
   * The number of this page, from 1.
   */
  page: number;
  /**
   * How many pages there are.
   */
  pages: number;
  /**
   * The moment, by the clock of the database. What was stored before it is included.
   */
  as_of: Timestamp;
}
/**
 * A number as it was at the moment of the snapshot.
 */
export interface ReportedNumber {
  phone_number: PhoneNumber;
  /**
   * The account that holds the number; null if none does.
   */
  account_id: AccountId | null;
  site_id: SiteId;
  /**
   * The internal extension; null if the number has none.
   */
  extension: string | null;
  /**
   * The status at that moment.
   */
  status: NumberStatus | string;
  /**
   * The sequence of the status. Apply only a `status_changed` that is newer.
   */
  sequence: number;
  /**
   * Whether it is the account's main number at the site.
   */
  main_number: boolean;
  /**
   * Whether a user or team member has the number.
   */
  assigned: boolean;
  /**
   * The operation under way; null if none is.
   */
  operation: OperationUnderWay | null;
}
/**
 * An operation that has not ended; its number is PENDING.
 */
export interface OperationUnderWay {
  /**
   * What the command requested.
   */
  operation: Operation | string;
  /**
   * The id of the command that requested the operation.
   */
  command_id: Identifier;
  /**
   * When the operation began.
   */
  since: Timestamp;
  /**
   * When the operation counts as overdue.
   */
  deadline: Timestamp;
  /**
   * The steps that are not done yet.
   */
  awaiting: AwaitedStep[];
  /**
   * What happens at the deadline if the operation is not completed.
   */
  at_deadline: AtDeadline | string;
}
/**
 * The number must be logged out of this device by hand.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface ManualLogoutRequired {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.handset.manual_logout_required.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: ManualLogoutRequiredData;
}
/**
 * The device, its number and its site.
 */
export interface ManualLogoutRequiredData {
  /**
   * The number that must be logged out.
   */
  phone_number: PhoneNumber;
  /**
   * Its internal extension; null if it has none.
   */
  extension: string | null;
  account_id: AccountId;
  site_id: SiteId;
  /**
   * The platform's id of the device.
   */
  device_id: string;
  /**
   * The kind of the device.
   */
  device_kind: DeviceKind | string;
  /**
   * The id of the deactivation.
   */
  command_id: Identifier;
  /**
   * The sequence of the RESERVED status after the deactivation.
   */
  sequence: number;
}
/**
 * An account uses more numbers at a site than services are in force; nobody is cut off.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface EntitlementExceeded {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.account.entitlement_exceeded.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: AccountAtSite;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: EntitlementData;
}
/**
 * The account, the site, and the arithmetic.
 */
export interface EntitlementData {
  account_id: AccountId;
  site_id: SiteId;
  entitlement: Entitlement;
}
/**
 * What an account uses at a site fits the services in force again.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface EntitlementRestored {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.account.entitlement_restored.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: AccountAtSite;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: EntitlementData;
}
/**
 * A directory message contradicts what the worker holds. Nothing of it was applied.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface DirectoryConflict {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.conflict.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: DirectoryConflictData;
}
/**
 * What the message said, what the worker holds, and why the message was not applied.
 */
export interface DirectoryConflictData {
  /**
   * The kind of the record.
   */
  kind: RecordKind | string;
  /**
   * The number that the record is about.
   */
  phone_number: PhoneNumber;
  /**
   * The account that holds the number; null if none.
   */
  account_id: AccountId | null;
  /**
   * The site of the number.
   */
  site_id: SiteId;
  /**
   * The status of the number, which is unchanged; null if it is not provisioned.
   */
  status: NumberStatus | string | null;
  /**
   * The sequence of this status.
   */
  sequence: number;
  /**
   * The id of the message that was not applied.
   */
  command_id: Identifier;
  /**
   * The version of the message; null for a record of an import, which waited for the end of an operation.
   */
  version: number | null;
  /**
   * Whether the message deletes the record.
   */
  deleted: boolean;
  /**
   * The fields of the record that the message gave.
   */
  said: {
    [k: string]: unknown | undefined;
  };
  /**
   * Why the message was not applied, for programs.
   */
  code: ConflictCode | string;
  /**
   * The reason and what to do, for people.
   */
  message: string;
}
/**
 * Desired state: this number is not logged in on this handset.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface HandsetLogout {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.handset.logout.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: HandsetLogoutData;
}
/**
 * Desired state: this number is, or is not, a member of this hunt group.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface HuntGroupMembership {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.hunt_group.membership.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: HuntGroupMembershipData;
}
/**
 * Desired state: this extension has no features and the default PIN.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface ExtensionReset {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.extension.reset.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject: PhoneNumber;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey: string;
  data: ExtensionResetData;
}
/**
 * A PBX reports the result of a step. The worker can be configured to await it.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface PbxResult {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.pbx.result.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: PbxResultData;
}
/**
 * The result of one step.
 */
export interface PbxResultData {
  /**
   * The id of the message that requested the step: a PBX message, or a PENDING event.
   */
  operation_id: Identifier;
  /**
   * The result of the step.
   */
  result: StepResult;
  /**
   * The PBX's own code, for machines.
   */
  code?: string;
  /**
   * What the PBX says beyond that, for people; at most 1024 characters.
   */
  detail?: string;
}
/**
 * A voice service of an account at a site: bought, changed, or gone.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface VoiceService {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.voice_service.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: VoiceServiceState | VoiceServiceDeletion;
}
/**
 * The full state of the service.
 */
export interface VoiceServiceState {
  /**
   * The platform's id of the service.
   */
  service_id: string;
  /**
   * The account that has bought the service.
   */
  account_id: AccountId;
  account_kind: AccountKind;
  /**
   * The site at which the service can be used.
   */
  site_id: SiteId;
  /**
   * How many numbers can be in use with it.
   */
  quantity: number;
  /**
   * The first day on which it is in force; left out: it has begun.
   */
  starts_on?: string;
  /**
   * The last day on which it is in force; left out: it does not end.
   */
  ends_on?: string;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record exists.
   */
  deleted?: false;
}
/**
 * The service is gone.
 */
export interface VoiceServiceDeletion {
  /**
   * The platform's id of the service.
   */
  service_id: string;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record is gone.
   */
  deleted: true;
}
/**
 * A phone number: provisioned, allocated, assigned, renamed, or gone.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface PhoneNumberChange {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.phone_number.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: PhoneNumberState | PhoneNumberDeletion;
}
/**
 * The full state of the number.
 */
export interface PhoneNumberState {
  phone_number: PhoneNumber;
  /**
   * The site at which the number is provisioned.
   */
  site_id: SiteId;
  /**
   * The account to which the number is allocated; left out: none.
   */
  account_id?: AccountId;
  /**
   * The internal extension; left out: none.
   */
  extension?: string;
  /**
   * The status, but never PENDING. Left out: a number that gets an account becomes RESERVED, one that loses it AVAILABLE, and every other status stays.
   */
  status?: NumberStatus;
  /**
   * Whether it is the account's main number at the site; left out: it is not.
   */
  main_number?: boolean;
  /**
   * The user or team member who has the number; left out: nobody has it.
   */
  assigned_to?: string;
  /**
   * The display label, at most 128 characters; left out: none.
   */
  label?: string;
  /**
   * The names of the features that are set; the worker does not keep their values.
   */
  features?: FeatureName[];
  /**
   * Whether the number has its default PIN; left out: it has.
   */
  pin_is_default?: boolean;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record exists.
   */
  deleted?: false;
}
/**
 * The number is not provisioned any more.
 */
export interface PhoneNumberDeletion {
  phone_number: PhoneNumber;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record is gone.
   */
  deleted: true;
}
/**
 * Where the calls of a main number go.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface CallSettings {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.call_settings.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: CallSettingsState | CallSettingsDeletion;
}
/**
 * The full call settings.
 */
export interface CallSettingsState {
  phone_number: PhoneNumber;
  /**
   * The in-space hunt group of the number; left out: it has none.
   */
  hunt_group_id?: string;
  /**
   * Where calls go in office hours.
   */
  in_hours: CallTarget;
  /**
   * Where calls go outside office hours.
   */
  out_of_hours: CallTarget;
  /**
   * Where calls go that are not answered.
   */
  unanswered: CallTarget;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record exists.
   */
  deleted?: false;
}
/**
 * The number has no call settings any more.
 */
export interface CallSettingsDeletion {
  phone_number: PhoneNumber;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record is gone.
   */
  deleted: true;
}
/**
 * A number joined or left a hunt group.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface HuntGroupMember {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.hunt_group_member.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: HuntGroupMemberState | HuntGroupMemberDeletion;
}
/**
 * The number is a member.
 */
export interface HuntGroupMemberState {
  /**
   * The platform's id of the hunt group.
   */
  hunt_group_id: string;
  /**
   * The member.
   */
  phone_number: PhoneNumber;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record exists.
   */
  deleted?: false;
}
/**
 * The number is no member any more.
 */
export interface HuntGroupMemberDeletion {
  /**
   * The platform's id of the hunt group.
   */
  hunt_group_id: string;
  /**
   * The member.
   */
  phone_number: PhoneNumber;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record is gone.
   */
  deleted: true;
}
/**
 * A number was logged in to a device, or logged out of it.
 *
 * The worker ignores a field that it does not know, and refuses a value that an enumeration does not list.
 */
export interface HandsetLogin {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.directory.handset_login.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time?: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype?: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid?: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid?: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  /**
   * On commands: if the worker reads the command later than this, it refuses it.
   */
  expirytime?: Timestamp;
  /**
   * The payload.
   */
  data: HandsetLoginState | HandsetLoginDeletion;
}
/**
 * The number is logged in.
 */
export interface HandsetLoginState {
  /**
   * The number that is logged in.
   */
  phone_number: PhoneNumber;
  /**
   * The platform's id of the device.
   */
  device_id: string;
  device_kind: DeviceKind;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record exists.
   */
  deleted?: false;
}
/**
 * The number is logged out.
 */
export interface HandsetLoginDeletion {
  /**
   * The number that is logged in.
   */
  phone_number: PhoneNumber;
  /**
   * The platform's id of the device.
   */
  device_id: string;
  /**
   * Rises with every change of the record; a version that is not newer is ignored.
   */
  version: number;
  /**
   * The record is gone.
   */
  deleted: true;
}
/**
 * A message cannot be read and had no effect. It is in the dead-letter queue.
 *
 * A later version may add fields, and values of enumerations: ignore a field that you do not know, and accept a value that you do not know.
 */
export interface MessageUnreadable {
  /**
   * The version of CloudEvents.
   */
  specversion: "1.0";
  /**
   * Identifies the message together with `source`; a repeated message has the same id.
   */
  id: Identifier;
  /**
   * The system that publishes the message.
   */
  source: Source;
  /**
   * The type of the message, with its version.
   */
  type: "telephony.message.unreadable.v1";
  /**
   * The phone number; of an event about an account, `account_id/site_id`.
   */
  subject?: string;
  /**
   * When the event occurred.
   */
  time: Timestamp;
  /**
   * The media type of `data`.
   */
  datacontenttype: "application/json";
  /**
   * Common to all messages that follow from one command; its default is the command's id.
   */
  correlationid: Identifier;
  /**
   * The id of the message that caused this one.
   */
  causationid: Identifier;
  /**
   * The position in a distributed trace (W3C Trace Context).
   */
  traceparent?: string;
  /**
   * What systems add to the trace (W3C Trace Context).
   */
  tracestate?: string;
  /**
   * `account_id/site_id`.
   */
  partitionkey?: string;
  data: MessageUnreadableData;
}
/**
 * The message that cannot be read, and why.
 */
export interface MessageUnreadableData {
  /**
   * The id of that message: of the event, or else the AMQP message id.
   */
  id: Identifier;
  /**
   * The source of that message; null if it cannot be read.
   */
  source: Source | null;
  /**
   * Why the message cannot be read, for programs.
   */
  code: ReadErrorCode | string;
  /**
   * The problem and what to send instead, for people.
   */
  detail: string;
}
