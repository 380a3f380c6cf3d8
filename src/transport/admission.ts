/**
 * What a caller may do by the headers alone: `caller` bears a good token, `open` needs none for this service,
 * `refused` will be turned away whatever the body says.
 */
export type Admission = 'caller' | 'open' | 'refused';

/** Judges a call before its body is read. `authorization`: the header of that name. */
export type Admit = (service: string, authorization: string | undefined) => Admission;
