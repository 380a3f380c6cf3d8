import { createContext } from 'react';

/** Whether a row passes by while its list is scrolled: nothing is asked for that would be gone by the answer. */
export const PassesBy = createContext(false);
